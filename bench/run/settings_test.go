package main

import (
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"posthoorn/internal/settings"
	"posthoorn/internal/settings/sqldb"
)

// TestSettings shows that the program understands the rows as they are meant.
func TestSettings(t *testing.T) {
	own := netip.MustParseAddr("127.0.0.1")
	for _, c := range []struct {
		name                  string
		rows                  []setting
		paused                bool
		messages, connections int // limits of the blocked domain
	}{
		{name: "all at once", rows: allAtOnce},
		{name: "paused", rows: append(allAtOnce[:1:1], paused), paused: true},
		{name: "one a minute", rows: append(allAtOnce[:1:1], oneAMinute), messages: 1},
		{name: "one at a time", rows: append(allAtOnce[:1:1], oneAtATime), connections: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := readBack(t, c.rows)
			blocked, open := s.Limits(own, []string{blockedDomain}, nil), s.Limits(own, nil, nil)
			if blocked.Domain.Messages != c.messages || blocked.Domain.Connections != c.connections {
				t.Errorf("the blocked domain has %+v", blocked.Domain)
			}
			if free := (settings.Counts{}); open.Domain != free || open.Remote != free || blocked.Remote != free {
				t.Errorf("limits of the others: %+v, %+v", open.Domain, open.Remote)
			}
			if _, held := s.Paused(own, blockedDomain, nil, time.Now()); held != c.paused {
				t.Errorf("the blocked domain paused: %v", held)
			}
			if _, held := s.Paused(own, "d1.bench.test", nil, time.Now()); held {
				t.Error("another domain is paused")
			}
		})
	}
}

func readBack(t *testing.T, rows []setting) *settings.Snapshot {
	path := filepath.Join(t.TempDir(), "settings.db")
	if err := writeSettings(path, rows); err != nil {
		t.Fatal(err)
	}
	store, err := sqldb.Open("sqlite://"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	c := settings.NewCache(settings.CacheOptions{Store: store})
	if err := c.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c.Current()
}
