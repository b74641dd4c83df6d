package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"

	"posthoorn/internal/settings/sqldb"
)

// setting is a row of the settings database of the daemon under test.
type setting struct {
	table string
	cells map[string]any
}

// allAtOnce are the limits of every row: by itself the daemon opens one connection at a time to each remote address.
var allAtOnce = []setting{{"capacity", map[string]any{"domain_maxstarting": 0, "ip_maxstarting": 0}}}

// What blocks the blocked domain.
var (
	paused     = setting{"paused", map[string]any{"target": blockedDomain}}
	oneAMinute = setting{"capacity", map[string]any{"domain": blockedDomain, "domain_maxmessages": 1}}
	oneAtATime = setting{"capacity", map[string]any{"domain": blockedDomain, "domain_maxconnections": 1}}
)

// Places in the folder of a repeat.
func stateIn(dir string) string    { return filepath.Join(dir, "state") }
func settingsIn(dir string) string { return filepath.Join(dir, "settings.db") }

// writeSettings makes the database before the daemon starts.
func writeSettings(path string, rows []setting) error {
	ctx := context.Background()
	store, err := sqldb.Open("sqlite://"+path, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	err = store.Validate(ctx)
	for _, r := range rows {
		if err == nil {
			err = store.Insert(ctx, r.table, r.cells)
		}
	}
	return errors.Join(err, store.Close())
}
