package sqldb

import (
	"bytes"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"posthoorn/internal/testbed"
)

var servers testbed.SharedSQL

func TestMain(m *testing.M) {
	code := m.Run()
	servers.Close()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// engine is a database of one test, and what can happen to it.
type engine struct {
	address  string
	password string
	raw      func(t *testing.T, statements string)         // another program
	lost     func(t *testing.T) (back func())              // the server or the file is gone
	stuck    func(t *testing.T) (back func())              // it is there and does not answer
	open     func(t *testing.T) int                        // connections that are open
	word     func(mysql, postgresql, sqlite string) string // the one of this engine
}

// onEach runs a test on all engines, each time with an empty database.
func onEach(t *testing.T, test func(t *testing.T, e engine)) {
	t.Run("SQLite", func(t *testing.T) { test(t, fileEngine(t)) })
	t.Run("MariaDB", func(t *testing.T) {
		e := serverEngine(t, servers.MariaDB(t), "SELECT count(*) - 1 FROM information_schema.processlist WHERE user = 'posthoorn';")
		e.word = func(mysql, _, _ string) string { return mysql }
		test(t, e)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		e := serverEngine(t, servers.PostgreSQL(t), "SELECT count(*) - 1 FROM pg_stat_activity WHERE usename = 'posthoorn' AND backend_type = 'client backend';")
		e.word = func(_, postgresql, _ string) string { return postgresql }
		test(t, e)
	})
}

func serverEngine(t *testing.T, s *testbed.SQLServer, count string) engine {
	database := s.NewDatabase(t)
	return engine{
		address: s.Address(database), password: s.Password(),
		raw: func(t *testing.T, statements string) { t.Helper(); s.Query(t, database, statements) },
		lost: func(t *testing.T) func() {
			s.Kill()
			return sync.OnceFunc(func() { s.Start(t) })
		},
		stuck: func(*testing.T) func() {
			s.Pause()
			return sync.OnceFunc(s.Continue)
		},
		open: func(t *testing.T) (n int) {
			if _, err := fmt.Sscan(s.Query(t, database, count), &n); err != nil {
				t.Fatal(err)
			}
			return n
		},
	}
}

func fileEngine(t *testing.T) engine {
	path := filepath.Join(t.TempDir(), "se%t #?.db")
	exec := func(t *testing.T, statements string) {
		t.Helper()
		// A program of its own: it opens the file and closes it.
		other := rawFile(t, path)
		defer func() { _ = other.Close() }()
		if _, err := other.Exec(statements); err != nil {
			t.Fatal(err)
		}
	}
	return engine{
		address: "sqlite://" + strings.NewReplacer("%", "%25").Replace(path), password: "no password",
		raw: exec,
		lost: func(t *testing.T) func() {
			rename(t, path, path+".away")
			return sync.OnceFunc(func() { rename(t, path+".away", path) })
		},
		stuck: func(t *testing.T) func() {
			other := rawFile(t, path)
			if _, err := other.Exec("BEGIN EXCLUSIVE"); err != nil {
				t.Fatal(err)
			}
			return sync.OnceFunc(func() { _ = other.Close() })
		},
		open: func(t *testing.T) int { return openFiles(t, path) },
		word: func(_, _, sqlite string) string { return sqlite },
	}
}

// rawFile is one connection of another program to SQLite's file.
func rawFile(t *testing.T, path string) *sql.DB {
	t.Helper()
	pool, err := sql.Open("sqlite", "file:"+strings.NewReplacer("%", "%25", "#", "%23", "?", "%3f", " ", "%20").Replace(path)+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	pool.SetMaxOpenConns(1)
	return pool
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// openFiles is how often this process has the file open.
func openFiles(t *testing.T, path string) (n int) {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && strings.HasPrefix(to, path) {
			n++
		}
	}
	return n
}

// opened is the database of an engine and what it logs.
func (e engine) opened(t *testing.T) (*DB, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	d, err := Open(e.address, Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "database" {
			return slog.Attr{}
		}
		return a
	}}))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d, &log
}
