package settings

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// Database is the tables of a Store, as an Editor needs them.
type Database interface {
	// Write runs work in one transaction: all of it is done, or nothing. It may run more than once.
	Write(ctx context.Context, work func(Tx) error) error
}

// Tx is a transaction. After an error it can only end.
type Tx interface {
	Row(t Table, id int64) (row Row, ok bool, err error)
	Last(t Table, before int64, most int) ([]Row, error) // the newest first; before 0: from the newest on
	Where(t Table, column string, number int64) ([]Row, error)
	Insert(table string, cells map[string]any) (id int64, err error)
	Update(table string, id int64, cells map[string]any) error
	Delete(table string, id int64) error
	DeleteUpTo(table string, id int64) error
}

// Editor changes rows for people. What makes no sense is refused; every change is noted in the table audit, in the same transaction,
// can be undone, and is in force when the method has returned.
type Editor struct {
	cache *Cache
	db    Database
	log   *slog.Logger
	now   func() time.Time
}

// NewEditor makes an Editor of what a cache reads. Without a database (nil) nothing can be changed but pauses, which are then held in
// memory.
func NewEditor(cache *Cache, db Database) *Editor {
	return &Editor{cache: cache, db: db, log: cache.log, now: cache.options.Now}
}

// Tables are those that people edit.
func (e *Editor) Tables() []TableInfo { return tableInfos() }

// Writable says why nothing can be changed; nil: it can.
func (e *Editor) Writable(context.Context) error {
	if e.db == nil {
		return ErrNoDatabase
	}
	return nil
}

// Rows are those of one table, in the order of their ids, and where they stand. Pauses that are held in memory alone come last, with
// negative ids. While the database cannot be read the pauses are those in force.
func (e *Editor) Rows(ctx context.Context, table string) ([]EditRow, error) {
	t, ok := editable(table)
	if !ok {
		return nil, ErrNoTable
	}
	list := []EditRow{}
	if e.db != nil {
		all, err := e.load(ctx, &t)
		if err != nil && table == tablePaused {
			return e.knownPauses(&t), nil
		}
		if err != nil {
			return nil, err
		}
		list = e.stored(&t, all)
	}
	if table == tablePaused {
		list = append(list, e.memoryRows(&t, list)...)
	}
	return list, nil
}

// problems are why rows of a table are left out, by their ids.
func (c *contents) problems(table string) map[string]string {
	list := map[string]string{}
	for _, b := range c.bad {
		if b.table == table {
			list[b.id] = b.reason
		}
	}
	return list
}

// Insert adds a row and says its id, and the number of the change: 0 for a pause that is held in memory alone.
func (e *Editor) Insert(ctx context.Context, who, table string, given Cells) (id, change int64, err error) {
	c, err := e.insert(ctx, who, table, given)
	return c.Row, c.ID, err
}

func (e *Editor) insert(ctx context.Context, who, table string, given Cells) (Change, error) {
	t, cells, err := e.given(table, given)
	if err != nil {
		return Change{}, err
	}
	if table == tablePaused {
		e.ownPause(cells)
	}
	if len(cells) == 0 {
		return Change{}, errNoCells
	}
	row := t.with(nil, cells)
	if err := e.check(ctx, &t, 0, row); err != nil {
		return e.pauseAnyway(ctx, who, &t, row, Change{}, err)
	}
	c, err := e.apply(ctx, who, func(tx Tx) ([]Change, error) {
		c, err := added(tx, &t, cells)
		return []Change{c}, err
	})
	if err != nil {
		return e.pauseAnyway(ctx, who, &t, row, c, err)
	}
	return c, nil
}

// errNoCells: a pause without any is one of everything, and any other row is none.
var errNoCells = &CellError{"", "the row has no cell"}

// added writes a new row.
func added(tx Tx, t *TableInfo, cells Cells) (c Change, err error) {
	c = Change{Table: t.Name, Action: Inserted}
	if c.Row, err = tx.Insert(t.Name, cells); err == nil {
		err = c.readBack(tx, t)
	}
	return c, err
}

// Update changes cells of a row; those that are not given stay.
func (e *Editor) Update(ctx context.Context, who, table string, id int64, given Cells) (change int64, err error) {
	t, cells, err := e.given(table, given)
	if err != nil {
		return 0, err
	}
	before, err := e.row(ctx, &t, id)
	if err != nil {
		return 0, err
	}
	after := t.with(before, cells)
	if err := e.check(ctx, &t, id, after); err != nil {
		return 0, err
	}
	c, err := e.apply(ctx, who, func(tx Tx) ([]Change, error) {
		if err := unchanged(tx, &t, id, before); err != nil {
			return nil, err
		}
		if err := tx.Update(table, id, cells); err != nil {
			return nil, err
		}
		c := Change{Table: table, Row: id, Action: Updated, before: before}
		err := c.readBack(tx, &t)
		return []Change{c}, err
	})
	return c.ID, err
}

// Delete removes a row, and with a key its patterns.
func (e *Editor) Delete(ctx context.Context, who, table string, id int64) (change int64, err error) {
	t, ok := editable(table)
	if !ok {
		return 0, ErrNoTable
	}
	if table == tablePaused && id < 0 {
		return 0, e.endMemoryPause(ctx, who, id)
	}
	before, err := e.row(ctx, &t, id)
	if err != nil {
		return 0, err
	}
	c, err := e.apply(ctx, who, func(tx Tx) ([]Change, error) {
		if err := unchanged(tx, &t, id, before); err != nil {
			return nil, err
		}
		return remove(tx, &t, id, before)
	})
	if table == tablePaused && errors.Is(err, ErrStored) {
		e.cache.removed(id)
		err = nil
	}
	return c.ID, err
}

// Secret is a cell that is never shown.
func (e *Editor) Secret(ctx context.Context, table string, id int64, column string) (string, error) {
	t, ok := editable(table)
	if !ok {
		return "", ErrNoTable
	}
	row, err := e.row(ctx, &t, id)
	return row[column], err
}

// given reads the name of a table and cells.
func (e *Editor) given(table string, given Cells) (TableInfo, Cells, error) {
	t, ok := editable(table)
	if !ok {
		return t, nil, ErrNoTable
	}
	cells, err := t.read(given)
	return t, cells, err
}

// row is a row as it is now.
func (e *Editor) row(ctx context.Context, t *TableInfo, id int64) (row Row, err error) {
	if e.db == nil {
		return nil, ErrNoDatabase
	}
	return row, e.db.Write(ctx, func(tx Tx) error {
		var ok bool
		if row, ok, err = tx.Row(t.table, id); err == nil && !ok {
			err = ErrNoRow
		}
		return err
	})
}

// with is a row with other cells. A new one (nil) has the defaults of its columns.
func (t *TableInfo) with(row Row, cells Cells) Row {
	after := maps.Clone(row)
	if after == nil {
		after = Row{}
		for _, c := range t.table.Columns {
			if c.HasDefault {
				after[c.Name] = strconv.Itoa(c.Default)
			}
		}
	}
	for name, value := range cells {
		if value == nil {
			delete(after, name)
			continue
		}
		after[name] = fmt.Sprint(value)
	}
	return after
}

// check says whether a row makes sense beside the others. The id of a new one is 0.
func (e *Editor) check(ctx context.Context, t *TableInfo, id int64, row Row) error {
	if e.db == nil {
		return ErrNoDatabase
	}
	all, err := e.load(ctx, t)
	if err != nil {
		return err
	}
	return e.judge(t, put(all, id, row), id)
}

// load reads one table. That it cannot be read is known to the cache then, which tells of it and tries again soon.
func (e *Editor) load(ctx context.Context, t *TableInfo) ([]Row, error) {
	all, err := e.cache.options.Store.Load(ctx, []Table{t.table})
	if err != nil {
		e.cache.failed(ctx, err)
	}
	return all[t.Name], err
}

// put is the rows of a table with one of them replaced, or a new one added.
func put(rows []Row, id int64, row Row) []Row {
	row = maps.Clone(row)
	row["id"] = newID
	if id != 0 {
		row["id"] = strconv.FormatInt(id, 10)
	}
	rows = slices.DeleteFunc(slices.Clone(rows), func(r Row) bool { return r["id"] == row["id"] })
	return append(rows, row)
}

// newID stands for that of a row which has none yet.
var newID = strconv.FormatInt(math.MaxInt64, 10)

var inColumn = regexp.MustCompile(`^(\w+) = `)

// judge reads a table as the daemon does, and says what it thinks of one row.
func (e *Editor) judge(t *TableInfo, rows []Row, id int64) error {
	key := newID
	if id != 0 {
		key = strconv.FormatInt(id, 10)
	}
	reason, bad := newContents(map[string][]Row{t.Name: rows}, e.cache.options.Server).problems(t.Name)[key]
	if !bad {
		return nil
	}
	if m := inColumn.FindStringSubmatch(reason); m != nil {
		return &CellError{m[1], reason[len(m[0]):]}
	}
	return &CellError{"", reason}
}

// readBack notes the row as the database has it now, which an undo will find again: its own defaults and its way to write a time may
// differ from ours.
func (c *Change) readBack(tx Tx, t *TableInfo) error {
	row, ok, err := tx.Row(t.table, c.Row)
	if err != nil || !ok {
		return firstOf(err, ErrChanged)
	}
	c.after = row
	return nil
}

// unchanged says that a row is as it was.
func unchanged(tx Tx, t *TableInfo, id int64, was Row) error {
	now, ok, err := tx.Row(t.table, id)
	switch {
	case err != nil:
		return err
	case !ok, !maps.Equal(now, was):
		return ErrChanged
	}
	return nil
}
