package settings

import (
	"context"
	"maps"
	"slices"
)

// Changes are the last ones, the newest first, with ids under before (0: all).
func (e *Editor) Changes(ctx context.Context, before int64, most int) (list []Change, err error) {
	if e.db == nil {
		return nil, ErrNoDatabase
	}
	return list, e.db.Write(ctx, func(tx Tx) error {
		rows, err := tx.Last(auditTable(), before, most)
		list = make([]Change, 0, len(rows))
		for _, row := range rows {
			list = append(list, changeOf(row))
		}
		return err
	})
}

func auditTable() Table { return Table{Name: tableAudit, Columns: auditColumns()} }

// Undo takes a change back, with all that was changed in the same step, which is a step too. ErrChanged: it was taken back already,
// or a row is not as the change left it.
func (e *Editor) Undo(ctx context.Context, who string, id int64) (change int64, err error) {
	c, err := e.apply(ctx, who, func(tx Tx) ([]Change, error) {
		old, err := stepOf(tx, id)
		if err != nil {
			return nil, err
		}
		var lead, parts []Change // what was done last is undone first, and the leading change last
		for _, c := range slices.Backward(old) {
			done, err := takeBack(tx, &c)
			if err == nil {
				err = tx.Update(tableAudit, c.ID, c.spent())
			}
			if err != nil {
				return nil, err
			}
			parts = append(parts, lead...)
			lead, parts = done[:1], append(parts, done[1:]...)
		}
		return append(lead, parts...), nil
	})
	return c.ID, err
}

func firstOf(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// spent are the cells of a change that was undone: that is done once, so its secrets are needed no more.
func (c *Change) spent() Cells {
	cells := Cells{"undone": 1}
	if t, _ := editable(c.Table); t.hasSecrets(c.before) {
		cells["cells_before"], cells["secrets"] = rowText(t.sealed(c.before, noSecret)), 0
	}
	return cells
}

// undoable finds the row of a change as it is now (nil: it is gone), or says why the change cannot be undone.
func (c *Change) undoable(tx Tx) (t TableInfo, now Row, err error) {
	t, ok := editable(c.Table)
	switch {
	case c.Table == MailOrder:
		return t, nil, ErrFinal
	case !ok, c.Undone:
		return t, nil, ErrChanged
	case t.forgotten(c):
		return t, nil, ErrForgotten
	}
	now, there, err := tx.Row(t.table, c.Row)
	if err != nil || there != (c.after != nil) || there && !t.same(now, c.after) {
		return t, nil, firstOf(err, ErrChanged)
	}
	return t, now, nil
}

// takeBack puts a row back as it was before a change. One that was deleted gets its id again, since other rows may name it.
func takeBack(tx Tx, old *Change) ([]Change, error) {
	t, now, err := old.undoable(tx)
	if err != nil {
		return nil, err
	}
	if old.before == nil {
		list, err := remove(tx, &t, old.Row, now)
		if err == nil {
			list[0].UndoOf = old.ID
		}
		return list, err
	}
	c := Change{Table: t.Name, Row: old.Row, Action: Updated, UndoOf: old.ID, before: now}
	cells := t.cells(old.before)
	if now != nil {
		err = tx.Update(t.Name, old.Row, cells)
	} else {
		c.Action, cells["id"] = Inserted, old.Row
		_, err = tx.Insert(t.Name, cells)
	}
	if err == nil {
		err = c.readBack(tx, &t)
	}
	return []Change{c}, err
}

// same says that a row has the cells that a change gave it. The id of a new row was not known then.
func (t *TableInfo) same(now, was Row) bool {
	now, was = t.sealed(now, noSecret), t.sealed(was, noSecret)
	delete(now, "id")
	delete(was, "id")
	return maps.Equal(now, was)
}

// cells are those of a row for the database: what is absent is NULL, and a secret that is only known by its digest stays.
func (t *TableInfo) cells(row Row) Cells {
	cells := make(Cells, len(t.Columns))
	for _, e := range t.Columns {
		c, _, _ := t.column(e.Name)
		text, ok := row[e.Name]
		switch {
		case !ok:
			cells[e.Name] = nil
		case e.Secret && isDigest(text):
		case c.Kind == Int:
			cells[e.Name] = idOf(text)
		default:
			cells[e.Name] = text
		}
	}
	return cells
}
