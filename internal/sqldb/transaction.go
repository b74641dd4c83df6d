package sqldb

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Tx is a transaction that writes. Its methods fail as those of DB do; after an error the transaction can only end.
type Tx struct {
	ctx context.Context
	s   *session
}

// Write runs work in one transaction: all of it is done, or nothing. It may run more than once, where others got in the way.
func (d *DB) Write(ctx context.Context, work func(*Tx) error) error {
	return d.session(ctx, quick, d.dialect.beginWrite, func(ctx context.Context, s *session) error { return work(&Tx{ctx, s}) })
}

// Rows reads all rows of a table, in the order of their ids.
func (t *Tx) Rows(table Table) ([]Row, error) { return t.s.read(t.ctx, table) }

// Last reads the rows with ids under before (0: all), the newest first, at most so many.
func (t *Tx) Last(table Table, before int64, most int) ([]Row, error) {
	id, condition := t.s.dialect.quote("id"), ""
	if before > 0 {
		condition = " WHERE " + id + " < " + strconv.FormatInt(before, 10)
	}
	return t.s.rows(t.ctx, table, condition+" ORDER BY "+id+" DESC LIMIT "+strconv.Itoa(most))
}

// Where reads the rows that have a number in a column, in the order of their ids.
func (t *Tx) Where(table Table, column string, number int64) ([]Row, error) {
	quote := t.s.dialect.quote
	return t.s.rows(t.ctx, table, " WHERE "+quote(column)+" = "+strconv.FormatInt(number, 10)+" ORDER BY "+quote("id"))
}

// Row is the row with an id. False: there is none.
func (t *Tx) Row(table Table, id int64) (Row, bool, error) {
	rows, err := t.s.rows(t.ctx, table, t.where(id))
	if err != nil || len(rows) == 0 {
		return nil, false, err
	}
	return rows[0], true, nil
}

// Insert adds a row and says its id, which the database gives unless the cells have one.
func (t *Tx) Insert(table string, cells map[string]any) (id int64, err error) {
	statement, values, err := t.s.inserting(table, cells)
	if err != nil {
		return 0, err
	}
	if t.s.dialect.returning {
		row := t.s.conn.QueryRowContext(t.ctx, statement+" RETURNING "+t.s.dialect.quote("id"), values...)
		err = row.Scan(&id)
		t.s.watch.alive()
		return id, err
	}
	result, err := t.s.conn.ExecContext(t.ctx, statement, values...)
	t.s.watch.alive()
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// Update changes cells of the row with an id. That there is none is no error.
func (t *Tx) Update(table string, id int64, cells map[string]any) error {
	if len(cells) == 0 {
		return nil
	}
	var sets []string
	var values []any
	for _, name := range slices.Sorted(maps.Keys(cells)) {
		if err := storable(cells[name]); err != nil {
			return columnError(table, name, err)
		}
		values = append(values, cells[name])
		sets = append(sets, t.s.dialect.quote(name)+" = "+t.s.dialect.place(len(values)))
	}
	return t.s.exec(t.ctx, "UPDATE "+t.s.dialect.quote(table)+" SET "+strings.Join(sets, ", ")+t.where(id), values...)
}

// Delete removes the row with an id. That there is none is no error.
func (t *Tx) Delete(table string, id int64) error {
	return t.s.exec(t.ctx, "DELETE FROM "+t.s.dialect.quote(table)+t.where(id))
}

func (t *Tx) where(id int64) string {
	return " WHERE " + t.s.dialect.quote("id") + " = " + strconv.FormatInt(id, 10)
}

// DeleteUpTo removes the rows with ids up to this one.
func (t *Tx) DeleteUpTo(table string, id int64) error {
	return t.s.exec(t.ctx, "DELETE FROM "+t.s.dialect.quote(table)+" WHERE "+t.s.dialect.quote("id")+" <= "+strconv.FormatInt(id, 10))
}
