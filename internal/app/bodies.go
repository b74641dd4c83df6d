package app

import (
	"context"
	"errors"
	"time"

	"posthoorn/internal/app/config"
	"posthoorn/internal/store"
	"posthoorn/internal/store/dir"
	"posthoorn/internal/store/mongo"
	"posthoorn/internal/store/s3"
	storesql "posthoorn/internal/store/sqldb"
)

// bodies is the message store as doors and engine use it: under keys of our own, until some time after the deadline. Doors are built
// before it is open.
type bodies struct {
	*store.Store
	ttl time.Duration
}

// Put is part of inject.Bodies and outbox.Bodies.
func (b *bodies) Put(ctx context.Context, data []byte, deadline time.Time) (string, error) {
	key := store.NewKey()
	return key, b.Store.Put(ctx, key, data, deadline.Add(b.ttl))
}

// Own is part of outbox.Bodies.
func (b *bodies) Own(key string) bool { return store.Own(key) }

// openBodies opens the message store of the file. It comes after dropPrivileges, so that new files belong to the user. A server that
// cannot be reached stops nothing: messages wait for it.
func (d *Daemon) openBodies() error {
	if d.bodies == nil {
		return nil
	}
	c := &d.cfg.Storage
	s, err := openStore(c.Address, store.Options{Threads: c.Threads, Timeout: c.Timeout, Logger: d.named("store"), Registerer: d.metrics})
	if err != nil {
		return wrong(config.ExitConfig, "storage-address: %w", err)
	}
	d.bodies.Store = s
	d.later("message store", func() { _ = s.Close() })
	return nil
}

// openStore picks the engine.
func openStore(address config.StoreAddress, o store.Options) (*store.Store, error) {
	a, err := store.ParseAddress(address.Raw.Reveal())
	if err != nil {
		return nil, err
	}
	switch a.Scheme {
	case store.Dir:
		return dir.Open(a, o)
	case store.SQLite, store.MySQL, store.PostgreSQL:
		return storesql.Open(a, o)
	case store.MongoDB:
		return mongo.Open(a, o)
	case store.S3:
		return s3.Open(a, o)
	}
	return nil, errors.New("no engine for " + a.Scheme)
}
