package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// limits of what one Read takes.
type limits struct {
	rows  int // of a table
	cell  int // bytes
	bytes int // of all cells together
	blob  int // bytes of one
}

var usual = limits{rows: 1_000_000, cell: 1 << 20, bytes: 256 << 20}

// Read reads all rows of the tables as they are at one moment, in the order of the column that the database counts. A table that is
// missing, or has none of the columns, is an error; so is one of more than a million rows, a cell of more than 1 MB, and more than
// 256 MB in all.
func (d *DB) Read(ctx context.Context, tables []Table) (map[string][]Row, error) {
	all := make(map[string][]Row, len(tables))
	err := d.session(ctx, quick, d.dialect.beginRead, func(ctx context.Context, s *session) error {
		for _, t := range tables {
			rows, err := s.read(ctx, t)
			if err != nil {
				return fmt.Errorf("table %s: %w", t.Name, err)
			}
			all[t.Name] = rows
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

func (s *session) read(ctx context.Context, t Table) ([]Row, error) {
	order := ""
	for _, c := range t.Columns {
		if c.Primary {
			order = " ORDER BY " + s.dialect.quote(c.Name)
		}
	}
	return s.rows(ctx, t, order+" LIMIT "+strconv.Itoa(s.limits.rows+1))
}

// rows reads the rows that are left of a table by the end of a SELECT.
func (s *session) rows(ctx context.Context, t Table, tail string) ([]Row, error) {
	have, err := s.columns(ctx, t.Name)
	if err != nil {
		return nil, err
	}
	columns := slices.DeleteFunc(slices.Clone(t.Columns), func(c Column) bool { return c.Kind == Blob || !slices.Contains(have, c.Name) })
	switch {
	case len(have) == 0:
		return nil, errors.New("it does not exist, or this account may not see it")
	case len(columns) == 0:
		return nil, errors.New("it has none of the columns of this program")
	}
	found, err := s.conn.QueryContext(ctx, s.selection(t.Name, columns)+tail)
	if err != nil {
		return nil, err
	}
	defer func() { _ = found.Close() }()
	return s.collect(found, columns, t.defaults(have))
}

// selection casts every cell to text, whatever the type of its column, and cuts it where it is too long anyway.
func (s *session) selection(table string, columns []Column) string {
	cells := make([]string, len(columns))
	for i, c := range columns {
		cells[i] = "substr(CAST(" + s.dialect.quote(c.Name) + " AS " + s.dialect.text + "), 1, " + strconv.Itoa(s.limits.cell+1) + ")"
	}
	return "SELECT " + strings.Join(cells, ", ") + " FROM " + s.dialect.quote(table)
}

// collect reads the rows; lacking are the cells that all of them have besides.
func (s *session) collect(found *sql.Rows, columns []Column, lacking Row) ([]Row, error) {
	cells, places := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
	for i := range cells {
		places[i] = &cells[i]
	}
	var rows []Row
	for found.Next() {
		s.watch.alive()
		if len(rows) == s.limits.rows {
			return nil, fmt.Errorf("it has more than %d rows", s.limits.rows)
		}
		if err := found.Scan(places...); err != nil {
			return nil, err
		}
		row, err := s.row(columns, cells)
		if err != nil {
			return nil, err
		}
		maps.Copy(row, lacking)
		rows = append(rows, row)
	}
	return rows, found.Err()
}

func (s *session) row(columns []Column, cells []sql.RawBytes) (Row, error) {
	row := make(Row, len(columns))
	for i, c := range columns {
		if cells[i] == nil {
			continue
		}
		if len(cells[i]) > s.limits.cell {
			return nil, fmt.Errorf("a cell of column %s has more than %d bytes", c.Name, s.limits.cell)
		}
		if s.limits.bytes -= len(cells[i]); s.limits.bytes < 0 {
			return nil, errors.New("the tables are too large")
		}
		if text, ok := clean(c.Kind, string(cells[i])); ok {
			row[c.Name] = text
		}
	}
	return row, nil
}
