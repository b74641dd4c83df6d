// Package sqldb keeps the settings in a database (database.md), by way of the package of the same name below it. It starts no
// goroutine of its own.
package sqldb

import (
	"context"
	"log/slog"
	"net/netip"

	"posthoorn/internal/settings"
	"posthoorn/internal/sqldb"
)

// Store is the settings.Store in a database of any engine.
type Store struct {
	db *sqldb.DB
}

var _ settings.Store = (*Store)(nil)

// Open returns the store at an address (config.md section 3.3). The file of SQLite is made if missing; a server is not called, so an
// error is one of the address or of that file. A nil logger is slog.Default.
func Open(address string, log *slog.Logger) (*Store, error) {
	db, err := sqldb.Open(address, sqldb.Options{Logger: log})
	if err != nil {
		return nil, err
	}
	return &Store{db}, nil
}

// Close ends the use of the database.
func (s *Store) Close() error { return s.db.Close() }

// String is the address without the password.
func (s *Store) String() string { return s.db.String() }

// Validate makes missing tables and columns, and logs a line for each.
func (s *Store) Validate(ctx context.Context) error { return s.db.Ensure(ctx, ours()) }

// Repair is Validate, and logs columns that are not ours.
func (s *Store) Repair(ctx context.Context) error { return s.db.Repair(ctx, ours()) }

// Purge drops all tables of the settings, rows included, and makes them anew.
func (s *Store) Purge(ctx context.Context) error { return s.db.Purge(ctx, ours()) }

// Load reads all rows of the tables as they are at one moment, in the order of their ids. A Time is YYYY-MM-DD HH:MM:SS in UTC.
func (s *Store) Load(ctx context.Context, tables []settings.Table) (map[string][]settings.Row, error) {
	found, err := s.db.Read(ctx, translate(tables))
	if err != nil {
		return nil, err
	}
	all := make(map[string][]settings.Row, len(found))
	for name, rows := range found {
		all[name] = make([]settings.Row, len(rows))
		for i, row := range rows {
			all[name][i] = settings.Row(row)
		}
	}
	return all, nil
}

// Insert adds a row; cells are strings, ints, or nil for NULL. The database gives the id.
func (s *Store) Insert(ctx context.Context, table string, cells map[string]any) error {
	return s.db.Insert(ctx, table, cells)
}

// Delete removes rows by id.
func (s *Store) Delete(ctx context.Context, table string, ids []int64) error {
	return s.db.Delete(ctx, table, ids)
}

// WriteIPs puts our own addresses into the table ips, for other programs: mail that should leave from one is published to this
// vhost, exchange and queue. Rows with another vhost, exchange or outbox belong to other instances and stay.
func (s *Store) WriteIPs(ctx context.Context, ips []netip.Addr, vhost, exchange, outbox string) error {
	rows := make([]map[string]any, len(ips))
	for i, ip := range ips {
		rows[i] = map[string]any{"ip": ip.String(), "vhost": vhost, "exchange": exchange, "outbox": outbox}
	}
	return s.db.Replace(ctx, "ips", map[string]string{"vhost": vhost, "exchange": exchange, "outbox": outbox}, rows)
}
