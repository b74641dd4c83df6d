package app

import (
	"context"
	"fmt"
	"log/slog"

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
	store, err := sqldb.Open(address.Raw.Reveal(), slog.New(slog.NewTextHandler(p.Stderr, nil)))
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
