package sqldb

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"posthoorn/internal/testbed"
)

// patience is how long a test waits for what must come, on a machine that does much else. A driver left to itself waits for longer.
const patience = 2 * time.Minute

// everyCall does all that can be done with a database, and wants an error from each.
func everyCall(t *testing.T, e engine, d *DB, without ...string) {
	t.Helper()
	calls := map[string]func() error{
		"Ping":    func() error { return d.Ping(t.Context()) },
		"Ensure":  func() error { return d.Ensure(t.Context(), both) },
		"Read":    func() error { _, err := d.Read(t.Context(), both); return err },
		"Insert":  func() error { return d.Insert(t.Context(), "hold", map[string]any{"ip": "2"}) },
		"Delete":  func() error { return d.Delete(t.Context(), "limits", []int64{1}) },
		"Replace": func() error { return d.Replace(t.Context(), "hold", map[string]string{"outbox": "a"}, nil) },
	}
	for _, name := range without {
		delete(calls, name)
	}
	var all sync.WaitGroup
	for name, call := range calls {
		all.Go(func() {
			begin := time.Now()
			err := call()
			if took := time.Since(begin); took > patience {
				t.Errorf("%s took %v", name, took)
			}
			if err == nil || strings.ContainsAny(err.Error(), "\n\t") || strings.Contains(err.Error(), e.password) || strings.Contains(err.Error(), url.PathEscape(e.password)) {
				t.Errorf("%s: %v", name, err)
			}
			t.Logf("%s: %v", name, err)
		})
	}
	all.Wait()
}

func TestLostAndBack(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, _ := e.opened(t)
		must(t, d.Ensure(t.Context(), both))
		must(t, d.Insert(t.Context(), "hold", map[string]any{"ip": "1"}))
		back := e.lost(t)
		defer back()
		everyCall(t, e, d)
		back()
		equal(t, read(t, d, holdTable), []Row{{"ip": "1"}})
	})
}

func TestStuckAndBack(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, _ := e.opened(t)
		must(t, d.Ensure(t.Context(), both))
		must(t, d.Insert(t.Context(), "hold", map[string]any{"ip": "1"}))
		back := e.stuck(t)
		defer back()
		if strings.HasSuffix(t.Name(), "SQLite") {
			everyCall(t, e, d, "Ping") // which needs no lock
		} else {
			everyCall(t, e, d)
		}
		back()
		equal(t, len(read(t, d, holdTable)), 1)
	})
}

// The connection breaks, or falls silent, in the middle of an answer, and before that of COMMIT.
func TestBrokenLine(t *testing.T) {
	for name, server := range map[string]*testbed.SQLServer{"MariaDB": servers.MariaDB(t), "PostgreSQL": servers.PostgreSQL(t)} {
		t.Run(name, func(t *testing.T) {
			proxy := testbed.StartProxy(t, server.Addr())
			database := server.NewDatabase(t)
			e := engine{address: server.AddressVia(proxy.Addr(), database), password: server.Password()}
			d, _ := e.opened(t)
			must(t, d.Ensure(t.Context(), both))
			for broken, breakLine := range map[string]func(){"cut": proxy.Cut, "silent": func() { proxy.Blackhole(true) }} {
				begin := time.Now()
				err := d.session(t.Context(), quick, d.dialect.beginWrite, func(ctx context.Context, s *session) error {
					breakLine()
					return nil
				})
				t.Logf("%s: %v", broken, err)
				if took := time.Since(begin); err == nil || took > patience {
					t.Errorf("%s: %v after %v", broken, err, took)
				}
				proxy.Blackhole(false)
				must(t, d.Ping(t.Context()))
			}
		})
	}
}

func TestWrongLogin(t *testing.T) {
	for name, server := range map[string]*testbed.SQLServer{"MariaDB": servers.MariaDB(t), "PostgreSQL": servers.PostgreSQL(t)} {
		t.Run(name, func(t *testing.T) {
			database := server.NewDatabase(t)
			for _, c := range []struct{ from, to, password, says string }{
				{"s%25cr", "hidden", "hidden", "denied|authentication failed"},
				{"posthoorn", "nobody", server.Password(), "denied|authentication failed"},
				{"/" + database, "/nowhere", server.Password(), "Unknown database|does not exist"},
			} {
				e := engine{address: strings.Replace(server.Address(database), c.from, c.to, 1), password: c.password}
				mysqlSays, postgresSays, _ := strings.Cut(c.says, "|")
				d, _ := e.opened(t)
				failed(t, e, d.Ping(t.Context()), map[string]string{"MariaDB": mysqlSays, "PostgreSQL": postgresSays}[name])
			}
		})
	}
}

func TestUnixSocket(t *testing.T) {
	for name, server := range map[string]*testbed.SQLServer{"MariaDB": servers.MariaDB(t), "PostgreSQL": servers.PostgreSQL(t)} {
		t.Run(name, func(t *testing.T) {
			database := server.NewDatabase(t)
			address := strings.Replace(server.Address(database), server.Addr(), strings.ReplaceAll(server.Socket(), "/", "%2F")+server.Addr()[len("127.0.0.1"):], 1)
			d, _ := engine{address: address}.opened(t)
			must(t, d.Ensure(t.Context(), both))
			equal(t, len(read(t, d, holdTable)), 0)
		})
	}
}

func TestNoConnectionStays(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, _ := e.opened(t)
		must(t, d.Ensure(t.Context(), both))
		must(t, d.Ping(t.Context()))
		must(t, d.Replace(t.Context(), "hold", map[string]string{"outbox": "a"}, []map[string]any{{"ip": "1", "outbox": "a"}}))
		equal(t, len(read(t, d, holdTable)), 1)
		// A server takes a moment to see that a connection has ended.
		for deadline := time.Now().Add(patience); e.open(t) > 0; {
			if time.Now().After(deadline) {
				t.Fatalf("%d connections are open", e.open(t))
			}
		}
		must(t, d.session(t.Context(), quick, "", func(context.Context, *session) error {
			if e.open(t) != 1 {
				t.Errorf("during a call %d connections are open", e.open(t))
			}
			return nil
		}))
	})
}

func TestCallerGivesUp(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, _ := e.opened(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := d.Read(ctx, both)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("have %v", err)
		}
		must(t, d.Ensure(t.Context(), both))
	})
}

func TestFileOfSQLite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings.db")
	d, err := Open("sqlite://"+path, Options{})
	must(t, err)
	must(t, d.Ensure(t.Context(), both))
	must(t, d.Close())
	info, err := os.Stat(path)
	must(t, err)
	equal(t, info.Mode().String(), "-rw-------")
	left, err := filepath.Glob(path + "?*")
	must(t, err)
	equal(t, len(left), 0)

	if _, err := Open("sqlite://"+path+"/inside", Options{}); err == nil {
		t.Error("a file is no folder")
	}
	if _, err := Open("sqlite://"+filepath.Dir(path), Options{}); err == nil {
		t.Error("a folder is no file")
	}
	if _, err := Open("sqlite:///dev/null", Options{}); err == nil {
		t.Error("a device is no file")
	}
	must(t, os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600))
	d, err = Open("sqlite://"+path, Options{})
	must(t, err)
	defer func() { _ = d.Close() }()
	failed(t, engine{password: "none"}, d.Ensure(t.Context(), both), "not a database")
}
