package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"posthoorn/internal/app/config"
	"posthoorn/internal/control"
	"posthoorn/internal/settings/sqldb"
)

// schema is --purge-database or --repair-database: work on the tables of the settings, without a daemon.
func (p *Program) schema(ctx context.Context, cmd *config.Command, cfg *config.Config) error {
	address := cfg.Database.Address
	if address.IsZero() {
		return &control.Error{Exit: config.ExitConfig, Text: "database-address is empty: there is no database of the settings"}
	}
	purge := cmd.Mode == config.PurgeDatabase
	if purge {
		t := control.Terminal{In: p.Stdin, Out: p.Stdout, Err: p.Stderr, Yes: cmd.Yes}
		if err := t.Agree(ctx, fmt.Sprintf("All tables of the settings in %s are dropped, with all that is in them, and made anew.", address)); err != nil {
			return err
		}
	}
	store, err := p.openSchema(cfg)
	if err != nil {
		return &control.Error{Exit: config.ExitConfig, Text: "database-address: " + err.Error()}
	}
	defer store.Close()
	do, done := store.Repair, "The tables of the settings are complete"
	if purge {
		do, done = store.Purge, "The tables of the settings are empty now"
	}
	if err := do(ctx); err != nil {
		return &control.Error{Exit: config.ExitUnavailable, Text: err.Error()}
	}
	_, err = fmt.Fprintf(p.Stdout, "%s: %s. A daemon that runs hears of it with posthoorn reload.\n", done, address)
	return err
}

// openSchema gives a file that it makes to the user that the daemon changes to: root prepares an upgrade, and the daemon must be able to
// open the file.
func (p *Program) openSchema(cfg *config.Config) (*sqldb.Store, error) {
	address, owner := cfg.Database.Address, cfg.General.User
	_, err := os.Stat(address.Path)
	made := address.Scheme == "sqlite" && errors.Is(err, fs.ErrNotExist)
	store, err := sqldb.Open(address.Raw.Reveal(), slog.New(slog.NewTextHandler(p.Stderr, nil)))
	if err != nil || !made || owner == "" || os.Geteuid() != 0 {
		return store, err
	}
	uid, gid, err := idsOf(owner)
	if err == nil {
		err = os.Chown(address.Path, uid, gid)
	}
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return store, nil
}
