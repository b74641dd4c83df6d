package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"time"
)

// session is the one connection of a call.
type session struct {
	conn    *sql.Conn
	dialect *dialect
	limits  limits
	watch   watch
}

// mostTries of a transaction that others got in the way of: of those in a deadlock at least one goes through each time.
const mostTries = 10

// session runs work over a new connection, in the transaction that begin begins (empty: none). What an error leaves undone is undone
// by the end of the connection. BEGIN and COMMIT are plain statements because not every driver heeds a context in its own.
func (d *DB) session(ctx context.Context, whole time.Duration, begin string, work func(context.Context, *session) error) error {
	return d.call(ctx, whole, func(ctx context.Context, w watch) error {
		var err error
		for range mostTries {
			if err = d.attempt(ctx, w, begin, work); err == nil || !d.again(err) {
				break
			}
		}
		return err
	})
}

// again says that an attempt did nothing and another one can do better: others were in the way, or the connection had ended while
// nobody used it.
func (d *DB) again(err error) bool { return d.dialect.again(err) || errors.Is(err, driver.ErrBadConn) }

func (d *DB) attempt(ctx context.Context, w watch, begin string, work func(context.Context, *session) error) (failed error) {
	conn, err := d.pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if failed != nil { // never to be used again
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		}
		_ = conn.Close()
	}()
	s := &session{conn: conn, dialect: d.dialect, limits: d.limits, watch: w}
	if begin == "" {
		return work(ctx, s)
	}
	if err := s.exec(ctx, begin); err != nil {
		return err
	}
	if err := work(ctx, s); err != nil {
		return err
	}
	return s.exec(ctx, "COMMIT")
}

// change is exec for a statement that may take long: it makes, changes or drops a table, or writes a large value.
func (s *session) change(ctx context.Context, statement string, values ...any) error {
	s.watch.change()
	_, err := s.conn.ExecContext(ctx, statement, values...)
	s.watch.alive()
	return err
}

func (s *session) exec(ctx context.Context, statement string, values ...any) error {
	_, err := s.conn.ExecContext(ctx, statement, values...)
	s.watch.alive()
	return err
}

// columns are those of a table as the database has them; none: there is no such table.
func (s *session) columns(ctx context.Context, table string) ([]string, error) {
	return s.names(ctx, s.dialect.listColumns(), table)
}

// names are the cells of a query with one column.
func (s *session) names(ctx context.Context, query string, values ...any) ([]string, error) {
	rows, err := s.conn.QueryContext(ctx, query, values...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	s.watch.alive()
	return names, rows.Err()
}
