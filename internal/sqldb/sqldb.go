// Package sqldb keeps tables in SQLite, MySQL (or MariaDB) and PostgreSQL with the same plain SQL (database.md section 1): it makes
// what is missing and never drops on its own, reads whole tables as text, and inserts, deletes and replaces rows. Anyone may change
// the tables directly while the program runs.
//
// It promises: no connection (of SQLite: no open file) stays between two calls, unless Options.Connections asks for that; a call
// whose server is lost, frozen or locked comes back with an error within seconds (half a minute where a value is written or read);
// what is read is bounded; no error and no log line has the password.
//
// Goroutines: one of database/sql from Open to Close, two with Options.Connections; those of a connection end with the call that
// made it, save that a PostgreSQL server which no longer answers keeps one for up to 15 seconds.
package sqldb

import (
	"cmp"
	"context"
	"database/sql"
	"log/slog"
	"time"
)

// DB is one database. Its methods may be called from many goroutines.
type DB struct {
	pool    *sql.DB
	dialect *dialect
	name    string
	log     *slog.Logger
	limits  limits
}

// Options of Open; the zero value is usable.
type Options struct {
	Logger *slog.Logger // gets one line for each table and column made; nil = slog.Default
	// Connections at the same time, further callers wait. They stay for the next call, but not for long; those of SQLite never stay.
	// 0 = 4, of which none stays.
	Connections int
	Largest     int // bytes of the largest Blob that is read; 0 = 1 MB
}

// mostConnections at the same time, unless the options say otherwise; a further caller waits.
const mostConnections = 4

// How long a connection stays that nobody uses, and any connection: the name of the server may lead elsewhere meanwhile.
const (
	longestIdle = time.Minute
	longestLife = 10 * time.Minute
)

// Open returns the database of an address: sqlite:///path, mysql://user:password@host[:port]/name or
// postgresql://user:password@host[:port]/name (database.md section 1). User, password, host and path may be percent-encoded; a host
// that begins with a slash is a unix socket (of PostgreSQL its folder), and may stand behind ?host= instead. ?sslmode= is disable, prefer (default), require or
// verify-full, as libpq knows them.
//
// The file of SQLite is made if missing, mode 0600; its folder must exist. No server is called.
func Open(address string, o Options) (*DB, error) {
	a, err := parse(address)
	if err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	o.Logger = o.Logger.With("database", a.String())
	d := &DB{dialect: dialects[a.scheme], name: a.String(), log: o.Logger, limits: usual}
	d.limits.blob = max(o.Largest, usual.cell)
	connector, err := d.dialect.connector(a, o)
	if err != nil {
		return nil, err
	}
	d.pool = sql.OpenDB(connector)
	d.pool.SetMaxIdleConns(-1)
	if o.Connections > 0 && d.dialect.stays {
		d.pool.SetMaxIdleConns(o.Connections)
		d.pool.SetConnMaxIdleTime(longestIdle)
		d.pool.SetConnMaxLifetime(longestLife)
	}
	d.pool.SetMaxOpenConns(cmp.Or(o.Connections, mostConnections))
	return d, nil
}

// Close waits for nothing; calls that run fail.
func (d *DB) Close() error { return d.pool.Close() }

// String is the address without the password.
func (d *DB) String() string { return d.name }

// Ping asks whether the database can be reached with this login.
func (d *DB) Ping(ctx context.Context) error {
	return d.call(ctx, quick, func(ctx context.Context, _ watch) error { return d.pool.PingContext(ctx) })
}
