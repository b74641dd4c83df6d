package settings

import (
	"context"
	"maps"
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

// Undo takes a change back, which is a change too. ErrChanged: it was taken back already, or the row is not as the change left it.
func (e *Editor) Undo(ctx context.Context, who string, id int64) (change int64, err error) {
	if e.db == nil {
		return 0, ErrNoDatabase
	}
	c := Change{Who: who, UndoOf: id}
	err = e.apply(ctx, &c, func(tx Tx) error {
		row, ok, err := tx.Row(auditTable(), id)
		if err != nil || !ok {
			return firstOf(err, ErrNoChange)
		}
		old := changeOf(row)
		if old.Table == MailOrder {
			return ErrFinal
		}
		t, ok := editable(old.Table)
		if !ok || old.Undone {
			return ErrChanged
		}
		c.Table, c.Row, c.before, c.after = old.Table, old.Row, old.after, old.before
		if err := takeBack(tx, &t, &c); err != nil {
			return err
		}
		return tx.Update(tableAudit, id, Cells{"undone": 1})
	})
	return c.ID, err
}

func firstOf(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// takeBack puts a row back as it was before a change. One that was deleted gets its id again, since other rows may name it.
func takeBack(tx Tx, t *TableInfo, c *Change) error {
	if c.before == nil {
		c.Action = Inserted
		if _, ok, err := tx.Row(t.table, c.Row); err != nil || ok {
			return firstOf(err, ErrChanged)
		}
		cells := t.cells(c.after)
		cells["id"] = c.Row
		_, err := tx.Insert(t.Name, cells)
		return err
	}
	if err := same(tx, t, c.Row, c.before); err != nil {
		return err
	}
	if c.after == nil {
		c.Action = Deleted
		return tx.Delete(t.Name, c.Row)
	}
	c.Action = Updated
	return tx.Update(t.Name, c.Row, t.cells(c.after))
}

// same says that a row has the cells that a change gave it. The id of a new row was not known then.
func same(tx Tx, t *TableInfo, id int64, was Row) error {
	now, ok, err := tx.Row(t.table, id)
	if err != nil || !ok {
		return firstOf(err, ErrChanged)
	}
	now, was = maps.Clone(now), maps.Clone(was)
	delete(now, "id")
	delete(was, "id")
	if !maps.Equal(now, was) {
		return ErrChanged
	}
	return nil
}

// cells are those of a row for the database: what is absent is NULL.
func (t *TableInfo) cells(row Row) Cells {
	cells := make(Cells, len(t.Columns))
	for _, e := range t.Columns {
		cells[e.Name] = nil
		c, _, _ := t.column(e.Name)
		text, ok := row[e.Name]
		switch {
		case !ok:
		case c.Kind == Int:
			cells[e.Name] = idOf(text)
		default:
			cells[e.Name] = text
		}
	}
	return cells
}
