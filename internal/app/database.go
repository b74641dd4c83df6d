package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"

	"posthoorn/internal/app/config"
	"posthoorn/internal/settings"
	"posthoorn/internal/settings/sqldb"
)

// database is the settings.Store of the configured address. It may be away at the start, so what is to be done once – opening it,
// making tables, telling our addresses – is done when it can first be read.
type database struct {
	config *config.Database
	log    *slog.Logger
	ips    func() (list []netip.Addr, vhost, exchange, outbox string)

	mu    sync.Mutex // of store and ready
	store *sqldb.Store
	ready bool // tables were made and addresses told, as far as the account may
}

// open is the store; its error is one of a file that cannot be made.
func (b *database) open() (*sqldb.Store, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.store != nil {
		return b.store, nil
	}
	store, err := sqldb.Open(b.config.Address.Raw.Reveal(), b.log)
	if err != nil {
		return nil, err
	}
	b.store = store
	return store, nil
}

func (b *database) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.store == nil {
		return
	}
	if err := b.store.Close(); err != nil {
		b.log.Warn("the database did not close well", "error", err)
	}
}

// Load is that of settings.Store.
func (b *database) Load(ctx context.Context, tables []settings.Table) (map[string][]settings.Row, error) {
	store, err := b.open()
	if err != nil {
		return nil, err
	}
	if b.isReady() {
		return store.Load(ctx, tables)
	}
	var invalid error
	if b.config.Validate {
		invalid = store.Validate(ctx)
	}
	rows, err := store.Load(ctx, tables)
	if err != nil {
		return nil, unreadable(err, invalid)
	}
	b.prepared(ctx, store, invalid)
	return rows, nil
}

// unreadable is one line of the failed reading, and of what was wrong with the tables before, where that is something else.
func unreadable(err, invalid error) error {
	if invalid == nil || invalid.Error() == err.Error() {
		return err
	}
	return fmt.Errorf("%w; and the tables could not be checked (database-validate): %w", err, invalid)
}

func (b *database) isReady() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ready
}

// prepared notes that the database was there. What this account may not do in it is said once.
func (b *database) prepared(ctx context.Context, store *sqldb.Store, invalid error) {
	if invalid != nil {
		b.log.Error("the tables of the settings could not be checked (database-validate)", "error", invalid)
	}
	list, vhost, exchange, outbox := b.ips()
	if err := store.WriteIPs(ctx, list, vhost, exchange, outbox); err != nil {
		b.log.Warn("our addresses could not be written into the table ips", "error", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ready = true
}

// Insert is that of settings.Store.
func (b *database) Insert(ctx context.Context, table string, cells map[string]any) error {
	store, err := b.open()
	if err != nil {
		return err
	}
	return store.Insert(ctx, table, cells)
}

// Delete is that of settings.Store.
func (b *database) Delete(ctx context.Context, table string, ids []int64) error {
	store, err := b.open()
	if err != nil {
		return err
	}
	return store.Delete(ctx, table, ids)
}
