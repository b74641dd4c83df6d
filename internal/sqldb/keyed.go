package sqldb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// ErrTooLarge: a Blob is over the limit of Options, or over that of the server.
var ErrTooLarge = errors.New("the value is too large")

// Find returns the cells of the row that has this key, without the key itself; NULL is absent. ok is false when there is no such row.
// A Blob over the limit stays in the database: ErrTooLarge.
func (d *DB) Find(ctx context.Context, t Table, key string) (cells map[string][]byte, ok bool, err error) {
	if t.checkKey(key) != nil {
		return nil, false, nil // no engine can have it
	}
	err = d.session(ctx, quick, "", func(ctx context.Context, s *session) error {
		cells, ok, err = s.find(ctx, t, key)
		return err
	})
	return cells, ok, err
}

func (s *session) find(ctx context.Context, t Table, key string) (map[string][]byte, bool, error) {
	var wanted []string // in SQL
	for _, c := range t.Columns {
		name := s.dialect.quote(c.Name)
		if c.Kind == Blob {
			limit := strconv.Itoa(s.limits.blob)
			wanted = append(wanted, "CASE WHEN octet_length("+name+") > "+limit+" THEN NULL ELSE "+name+" END", "octet_length("+name+")")
		} else if !c.Key {
			wanted = append(wanted, "CAST("+name+" AS "+s.dialect.text+")", "0")
		}
	}
	s.watch.change() // a large value needs its time
	rows, err := s.conn.QueryContext(ctx, "SELECT "+strings.Join(wanted, ", ")+" FROM "+s.dialect.quote(t.Name)+" WHERE "+s.dialect.hasKey(t.key(), 1), key, key)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = rows.Close() }()
	if !rows.Next() {
		return nil, false, rows.Err()
	}
	values, sizes, places := make([][]byte, len(wanted)/2), make([]*int64, len(wanted)/2), make([]any, len(wanted))
	for i := range values {
		places[2*i], places[2*i+1] = &values[i], &sizes[i]
	}
	if err := rows.Scan(places...); err != nil {
		return nil, false, err
	}
	cells, err := s.found(t, values, sizes)
	return cells, err == nil, errors.Join(err, rows.Err())
}

func (s *session) found(t Table, values [][]byte, sizes []*int64) (map[string][]byte, error) {
	cells, i := make(map[string][]byte, len(values)), 0
	for _, c := range t.Columns {
		if c.Key {
			continue
		}
		switch {
		case sizes[i] != nil && *sizes[i] > int64(s.limits.blob):
			return nil, fmt.Errorf("%w: column %s has %d bytes of at most %d", ErrTooLarge, c.Name, *sizes[i], s.limits.blob)
		case values[i] != nil:
			cells[c.Name] = values[i]
		}
		i++
	}
	return cells, nil
}

// checkKey says whether all engines can keep a cell as the key.
func (t Table) checkKey(cell any) error {
	key, ok := cell.(string)
	switch i := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Key }); {
	case !ok:
		return errors.New("a key is a text")
	case utf8.RuneCountInString(key) > t.Columns[i].size():
		return fmt.Errorf("the key has more than %d characters", t.Columns[i].size())
	}
	return storable(key)
}

// Put adds a row, or changes the one that has the same key. Cells are as for Insert, and []byte for a Blob. ErrTooLarge: the server
// does not take so much at once.
func (d *DB) Put(ctx context.Context, t Table, cells map[string]any) error {
	names := slices.Sorted(maps.Keys(cells))
	columns, places, values, changes := make([]string, len(names)), make([]string, len(names)), make([]any, len(names)), []string(nil)
	for i, name := range names {
		err := storable(cells[name])
		if name == t.key() {
			err = t.checkKey(cells[name])
		}
		if err != nil {
			return fmt.Errorf("table %s, column %s: %w", t.Name, name, err)
		}
		columns[i], places[i], values[i] = d.dialect.quote(name), d.dialect.place(i+1), cells[name]
		if name != t.key() {
			changes = append(changes, columns[i]+" = "+strings.ReplaceAll(d.dialect.given, "%c", columns[i]))
		}
	}
	statement := "INSERT INTO " + d.dialect.quote(t.Name) + " (" + strings.Join(columns, ", ") + ") VALUES (" + strings.Join(places, ", ") + ") " +
		strings.ReplaceAll(d.dialect.conflict, "%k", d.dialect.quote(t.key())) + " " + strings.Join(changes, ", ")
	return d.session(ctx, quick, "", func(ctx context.Context, s *session) error {
		err := s.change(ctx, statement, values...)
		if err != nil && s.dialect.tooLarge(err) {
			return fmt.Errorf("%w for max_allowed_packet of the server: %w", ErrTooLarge, err)
		}
		return err
	})
}

// Remove deletes the row that has this key. It is no error when there is none.
func (d *DB) Remove(ctx context.Context, t Table, key string) error {
	if t.checkKey(key) != nil {
		return nil
	}
	return d.session(ctx, quick, "", func(ctx context.Context, s *session) error {
		return s.exec(ctx, "DELETE FROM "+s.dialect.quote(t.Name)+" WHERE "+s.dialect.hasKey(t.key(), 1), key, key)
	})
}

// DeleteBefore removes up to most rows whose Time in this column is before then, and says how many it has found. Several instances
// may do so at the same time.
func (d *DB) DeleteBefore(ctx context.Context, t Table, column string, then time.Time, most int) (found int, err error) {
	before, key := then.UTC().Format(TimeFormat), d.dialect.quote(t.key())
	err = d.session(ctx, quick, "", func(ctx context.Context, s *session) error {
		expired := s.dialect.quote(column) + " < " + s.dialect.place(1)
		keys, err := s.names(ctx, "SELECT "+key+" FROM "+s.dialect.quote(t.Name)+" WHERE "+expired+" LIMIT "+strconv.Itoa(most), before)
		if found = len(keys); err != nil || found == 0 {
			return err
		}
		values, places := []any{before}, make([]string, found)
		for i, key := range keys {
			values, places[i] = append(values, key), s.dialect.place(i+2)
		}
		s.watch.change()
		// The time is asked for again: somebody may have given a row another one.
		return s.exec(ctx, "DELETE FROM "+s.dialect.quote(t.Name)+" WHERE "+expired+" AND "+key+" IN ("+strings.Join(places, ", ")+")", values...)
	})
	return found, err
}
