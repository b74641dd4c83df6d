package sqldb

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"posthoorn/internal/sqldb"
	"posthoorn/internal/store/storetest"
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

func TestContract(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) storetest.Place {
			path := filepath.Join(t.TempDir(), "mes%sages.db")
			p := storetest.Place{Address: "sqlite://" + strings.ReplaceAll(path, "%", "%25"), Open: Open, Large: 6 << 20}
			p.Count = func(t *testing.T) int { return rows(t, p.Address) }
			p.Down = func(t *testing.T) { rename(t, path, path+".away") }
			p.Up = func(t *testing.T) { rename(t, path+".away", path) }
			return p
		})
	})
	for name, server := range map[string]func(testing.TB) *testbed.SQLServer{"MariaDB": servers.MariaDB, "PostgreSQL": servers.PostgreSQL} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) storetest.Place {
				s := server(t)
				proxy := testbed.StartProxy(t, s.Addr())
				p := storetest.Place{
					Address: s.AddressVia(proxy.Addr(), s.NewDatabase(t)), Password: s.Password(), Open: Open, Large: 6 << 20,
					Down: func(*testing.T) { s.Kill() }, Up: func(t *testing.T) { s.Start(t) },
					Freeze: func(*testing.T) { proxy.Blackhole(true) }, Continue: func(*testing.T) { proxy.Blackhole(false) },
				}
				p.Count = func(t *testing.T) int { return rows(t, p.Address) }
				return p
			})
		})
	}
}

// rows of the table, as a reader of its own finds them.
func rows(t *testing.T, address string) int {
	t.Helper()
	db, err := sqldb.Open(address, sqldb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	all, err := db.Read(t.Context(), []sqldb.Table{messages})
	if err != nil {
		t.Fatal(err)
	}
	return len(all[messages.Name])
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}
