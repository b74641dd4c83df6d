package settings

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// reloadTime is how long a change waits for the settings to be read again. Who wanted it may have hung up by then.
const reloadTime = 10 * time.Second

// errNotNoted: the table audit is missing, or is older than this program.
var errNotNoted = errors.New("nothing was changed, as the table audit cannot note it (database-validate makes that table, and its columns)")

// apply makes the changes of one step and notes them, all or none, and puts them in force. It returns the leading one, which is
// the first. After ErrStored it is in the database all the same.
func (e *Editor) apply(ctx context.Context, who string, do func(Tx) ([]Change, error)) (Change, error) {
	if e.db == nil {
		return Change{}, ErrNoDatabase
	}
	lead, err := e.commit(ctx, who, do)
	if err != nil {
		return lead, err
	}
	return lead, e.enforce(ctx)
}

// commit makes the changes of one step and notes them, all or none.
func (e *Editor) commit(ctx context.Context, who string, do func(Tx) ([]Change, error)) (lead Change, err error) {
	var list []Change
	err = e.db.Write(ctx, func(tx Tx) (err error) {
		if list, err = do(tx); err != nil {
			return err
		}
		return e.note(tx, who, list)
	})
	if err != nil || len(list) == 0 {
		return lead, err
	}
	for i := range list {
		c := &list[i]
		e.log.Info("the settings were changed", "change", c.ID, "by", c.Who, "table", c.Table, "row", c.Row, "action", string(c.Action))
		if p := pauseOf(c.before); c.Table == tablePaused && c.after == nil && e.cache.standsIn(p) {
			e.cache.release(p)
		}
	}
	return list[0], nil
}

// enforce reads the settings anew, whether anybody still waits for it or not.
func (e *Editor) enforce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reloadTime)
	defer cancel()
	if err := e.cache.Reload(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrStored, err)
	}
	return nil
}

// note writes the changes of a step into the table audit.
func (e *Editor) note(tx Tx, who string, list []Change) (err error) {
	for i := range list {
		c := &list[i]
		c.Who, c.Time = who, e.now()
		if c.PartOf = 0; i > 0 {
			c.PartOf = list[0].ID
		}
		if c.ID, err = tx.Insert(tableAudit, c.cells()); err != nil {
			return fmt.Errorf("%w: %w", errNotNoted, err)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return tx.DeleteUpTo(tableAudit, list[len(list)-1].ID-mostChanges)
}

// stepOf are the changes that were made with one, the leading one first.
func stepOf(tx Tx, id int64) ([]Change, error) {
	row, ok, err := tx.Row(auditTable(), id)
	if err != nil || !ok {
		return nil, firstOf(err, ErrNoChange)
	}
	lead := changeOf(row)
	if lead.PartOf != 0 {
		if row, ok, err = tx.Row(auditTable(), lead.PartOf); err != nil || !ok {
			return nil, firstOf(err, ErrChanged) // it is so long ago that the table has lost the first of them
		}
		lead = changeOf(row)
	}
	rows, err := tx.Where(auditTable(), "part_of", lead.ID)
	list := []Change{lead}
	for _, row := range rows {
		list = append(list, changeOf(row))
	}
	return list, err
}

// remove deletes a row, and those that mean nothing without it: the patterns of a key.
func remove(tx Tx, t *TableInfo, id int64, was Row) ([]Change, error) {
	list := []Change{{Table: t.Name, Row: id, Action: Deleted, before: was}}
	if t.Name == tableKeys {
		patterns, _ := editable(tableSigns)
		rows, err := tx.Where(patterns.table, keyColumn, id)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			of := idOf(row["id"])
			if err := tx.Delete(tableSigns, of); err != nil {
				return nil, err
			}
			list = append(list, Change{Table: tableSigns, Row: of, Action: Deleted, before: row})
		}
	}
	return list, tx.Delete(t.Name, id)
}

// keyColumn names the key of a pattern.
const keyColumn = "key_id"
