// Package sqldb is a message store in a database (storage.md section 7), by way of the package of the same name below store: SQLite,
// PostgreSQL, MySQL and MariaDB. Several instances, and other programs, may use the table messages at the same time:
//
//	id        varchar(255), the key; compared byte by byte
//	value     the bytes
//	encoding  gzip, or identity or NULL: the value is as it is
//	expire    date and time in UTC when the row goes; NULL: never
//	modified  date and time in UTC when it was written
//
// The table is made when it is missing. It starts no goroutine of its own.
package sqldb

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"posthoorn/internal/sqldb"
	"posthoorn/internal/store"
)

var messages = sqldb.Table{Name: "messages", Columns: []sqldb.Column{
	{Name: "id", Kind: sqldb.Text, Key: true},
	{Name: "value", Kind: sqldb.Blob},
	{Name: "encoding", Kind: sqldb.Text, Size: 16},
	{Name: "expire", Kind: sqldb.Time, Indexed: true},
	{Name: "modified", Kind: sqldb.Time},
}}

// table is the store.Engine.
type table struct {
	db    *sqldb.DB
	codec store.Codec
	made  atomic.Bool
}

var _ store.Engine = (*table)(nil)

// Open returns the store at an address. The file of SQLite is made if missing; a server is not called, so an error is one of the
// address or of that file.
func Open(a store.Address, o store.Options) (*store.Store, error) {
	o = o.WithDefaults()
	// One more than calls: the sweep.
	db, err := sqldb.Open(a.SQL(), sqldb.Options{Logger: o.Logger, Connections: o.Threads + 1, Largest: o.MaxSize})
	if err != nil {
		return nil, err
	}
	return store.New(db.String(), &table{db: db, codec: store.Codec{Gzip: a.Gzip}}, o), nil
}

func (*table) Every() time.Duration { return time.Minute }

func (t *table) Close() error { return t.db.Close() }

// use makes the table at the first call that finds the database, and after one that failed: it may have been dropped.
func (t *table) use(ctx context.Context, work func() error) (err error) {
	if !t.made.Load() {
		err = t.db.Ensure(ctx, []sqldb.Table{messages})
	}
	if err == nil {
		err = work()
	}
	t.made.Store(err == nil)
	if errors.Is(err, sqldb.ErrTooLarge) {
		return errors.Join(store.ErrTooLarge, err)
	}
	return err
}

func (t *table) Get(ctx context.Context, key string, limit int) ([]byte, error) {
	var cells map[string][]byte
	var found bool
	err := t.use(ctx, func() (err error) {
		cells, found, err = t.db.Find(ctx, messages, key)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, store.ErrNotFound
	}
	return t.codec.Decode(cells["value"], string(cells["encoding"]), limit)
}

func (t *table) Put(ctx context.Context, key string, data []byte, expire time.Time) error {
	value, encoding := t.codec.Encode(data)
	if value == nil {
		value = []byte{} // nil would be NULL
	}
	return t.use(ctx, func() error {
		return t.db.Put(ctx, messages, map[string]any{
			"id": key, "value": value, "encoding": encoding,
			"expire": roundUp(expire).UTC().Format(sqldb.TimeFormat), "modified": time.Now().UTC().Format(sqldb.TimeFormat),
		})
	})
}

func (t *table) Delete(ctx context.Context, key string) error {
	return t.use(ctx, func() error { return t.db.Remove(ctx, messages, key) })
}

// atOnce is how many rows go in one transaction; each may be large.
const atOnce = 200

func (t *table) Sweep(ctx context.Context, now time.Time) (removed int, err error) {
	err = t.use(ctx, func() error {
		for {
			n, err := t.db.DeleteBefore(ctx, messages, "expire", now, atOnce)
			if err != nil {
				return err
			}
			removed += n
			if n < atOnce {
				return nil
			}
		}
	})
	return removed, err
}

// roundUp to the second, which is all that the column has.
func roundUp(t time.Time) time.Time { return t.Add(time.Second - 1).Truncate(time.Second) }
