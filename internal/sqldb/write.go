package sqldb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Insert adds a row. Cells are string, int, int64, or nil for NULL; columns that are not named get their default.
func (d *DB) Insert(ctx context.Context, table string, cells map[string]any) error {
	return d.session(ctx, quick, "", func(ctx context.Context, s *session) error { return s.insert(ctx, table, cells) })
}

func (s *session) insert(ctx context.Context, table string, cells map[string]any) error {
	statement, values, err := s.inserting(table, cells)
	if err != nil {
		return err
	}
	return s.exec(ctx, statement, values...)
}

func (s *session) inserting(table string, cells map[string]any) (statement string, values []any, err error) {
	names := slices.Sorted(maps.Keys(cells))
	columns, places := make([]string, len(names)), make([]string, len(names))
	values = make([]any, len(names))
	for i, name := range names {
		if err := storable(cells[name]); err != nil {
			return "", nil, columnError(table, name, err)
		}
		columns[i], places[i], values[i] = s.dialect.quote(name), s.dialect.place(i+1), cells[name]
	}
	return "INSERT INTO " + s.dialect.quote(table) + " (" + strings.Join(columns, ", ") + ") VALUES (" + strings.Join(places, ", ") + ")", values, nil
}

func columnError(table, column string, err error) error {
	return fmt.Errorf("table %s, column %s: %w", table, column, err)
}

// storable says whether all engines keep a value as it is.
func storable(value any) error {
	switch v := value.(type) {
	case nil, int, int64, []byte:
		return nil
	case string:
		if strings.IndexByte(v, 0) >= 0 || !utf8.ValidString(v) {
			return errors.New("the text is not UTF-8, or has a NUL")
		}
		return nil
	}
	return fmt.Errorf("a %T cannot be stored", value)
}

// idsAtOnce in one statement.
const idsAtOnce = 500

// Delete removes the rows with these numbers in the column id, all or none. Numbers without a row are no error.
func (d *DB) Delete(ctx context.Context, table string, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	return d.session(ctx, quick, d.dialect.beginWrite, func(ctx context.Context, s *session) error {
		for some := range slices.Chunk(ids, idsAtOnce) {
			list := make([]string, len(some))
			for i, id := range some {
				list[i] = strconv.FormatInt(id, 10)
			}
			if err := s.exec(ctx, "DELETE FROM "+s.dialect.quote(table)+" WHERE "+s.dialect.quote("id")+" IN ("+strings.Join(list, ", ")+")"); err != nil {
				return err
			}
		}
		return nil
	})
}

// Replace removes the rows whose texts in the columns of key are exactly these (compared byte by byte) and adds rows, in one
// transaction: others see all of the old or all of the new. The rows name the columns of key themselves.
func (d *DB) Replace(ctx context.Context, table string, key map[string]string, rows []map[string]any) error {
	if len(key) == 0 {
		return fmt.Errorf("table %s: nothing says which rows to replace", table)
	}
	return d.session(ctx, quick, d.dialect.beginWrite, func(ctx context.Context, s *session) error {
		if err := s.deleteEqual(ctx, table, key); err != nil {
			return err
		}
		for _, row := range rows {
			if err := s.insert(ctx, table, row); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *session) deleteEqual(ctx context.Context, table string, key map[string]string) error {
	var conditions []string
	var values []any
	for _, name := range slices.Sorted(maps.Keys(key)) {
		if err := storable(key[name]); err != nil {
			return columnError(table, name, err)
		}
		values = append(values, key[name])
		conditions = append(conditions, s.dialect.equals(name, len(values)))
	}
	return s.exec(ctx, "DELETE FROM "+s.dialect.quote(table)+" WHERE "+strings.Join(conditions, " AND "), values...)
}
