package sqldb

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"posthoorn/internal/settings"
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

// onEach runs a test with an empty database of each engine.
func onEach(t *testing.T, test func(t *testing.T, address string)) {
	t.Run("SQLite", func(t *testing.T) { test(t, "sqlite://"+filepath.Join(t.TempDir(), "settings.db")) })
	t.Run("MariaDB", func(t *testing.T) {
		s := servers.MariaDB(t)
		test(t, s.Address(s.NewDatabase(t)))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		s := servers.PostgreSQL(t)
		test(t, s.Address(s.NewDatabase(t)))
	})
}

func open(t *testing.T, address string) (*Store, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	s, err := Open(address, slog.New(slog.NewTextHandler(&log, nil)))
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s, &log
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, s *Store) map[string][]settings.Row {
	t.Helper()
	all, err := s.Load(t.Context(), settings.Tables())
	must(t, err)
	return all
}

// defaults are the cells of a row of which nothing was written but cells.
func defaults(table string, cells settings.Row) settings.Row {
	for _, t := range settings.Tables() {
		for _, c := range t.Columns {
			if _, written := cells[c.Name]; t.Name == table && c.HasDefault && !written {
				cells[c.Name] = fmt.Sprint(c.Default)
			}
		}
	}
	return cells
}

func TestTablesOfTheSettings(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		s, log := open(t, address)
		if _, err := s.Load(t.Context(), settings.Tables()); err == nil {
			t.Error("tables that are not there were read")
		}
		must(t, s.Validate(t.Context()))
		if made := strings.Count(log.String(), "table made"); made != len(settings.Tables()) {
			t.Errorf("%d tables made", made)
		}
		log.Reset()
		must(t, s.Validate(t.Context()))
		must(t, s.Repair(t.Context()))
		if log.Len() > 0 {
			t.Errorf("logged the second time: %s", log)
		}
		for name, rows := range load(t, s) {
			if len(rows) > 0 {
				t.Errorf("table %s has rows", name)
			}
		}
	})
}

func TestRowsOfEveryTable(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		s, _ := open(t, address)
		must(t, s.Validate(t.Context()))
		want := map[string][]settings.Row{}
		for _, table := range settings.Tables() {
			cells, row := map[string]any{}, settings.Row{}
			for i, c := range table.Columns {
				switch {
				case c.Primary:
					row[c.Name] = "1"
					continue
				case c.Kind == settings.Int:
					cells[c.Name] = i
				case c.Kind == settings.Time:
					cells[c.Name] = time.Unix(int64(i)*1e8, 0).UTC().Format(time.DateTime)
				case c.Kind == settings.Text:
					cells[c.Name] = strings.Repeat("ü", c.Size)
				default:
					cells[c.Name] = strings.Repeat("-----BEGIN 😀\n", 1000)
				}
				row[c.Name] = fmt.Sprint(cells[c.Name])
			}
			want[table.Name] = []settings.Row{row}
			must(t, s.Insert(t.Context(), table.Name, cells))
		}
		if have := load(t, s); !reflect.DeepEqual(have, want) {
			t.Errorf("have %v\nwant %v", have, want)
		}
	})
}

func TestPauseAndResume(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		s, _ := open(t, address)
		must(t, s.Validate(t.Context()))
		for _, cells := range []map[string]any{
			{"localip": "", "target": "example.com", "expire": "2026-01-02 03:04:05"}, {"target": "2001:db8::1", "tag": nil, "server": 3}, {"tag": "x"},
		} {
			must(t, s.Insert(t.Context(), "paused", cells))
		}
		must(t, s.Delete(t.Context(), "paused", []int64{2}))
		want := []settings.Row{
			defaults("paused", settings.Row{"id": "1", "localip": "", "target": "example.com", "expire": "2026-01-02 03:04:05"}),
			defaults("paused", settings.Row{"id": "3", "tag": "x"}),
		}
		if have := load(t, s)["paused"]; !reflect.DeepEqual(have, want) {
			t.Errorf("have %v\nwant %v", have, want)
		}
		must(t, s.Purge(t.Context()))
		if have := load(t, s)["paused"]; len(have) > 0 {
			t.Errorf("after a purge: %v", have)
		}
	})
}

func TestWriteIPs(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		one, _ := open(t, address)
		two, _ := open(t, address)
		must(t, one.Validate(t.Context()))
		write := func(s *Store, outbox string, ips ...string) {
			t.Helper()
			var all []netip.Addr
			for _, ip := range ips {
				all = append(all, netip.MustParseAddr(ip))
			}
			must(t, s.WriteIPs(t.Context(), all, "/", "", outbox))
		}
		have := func() string {
			t.Helper()
			var all []string
			for _, row := range load(t, one)["ips"] {
				all = append(all, row["ip"]+row["vhost"]+row["exchange"]+row["outbox"])
			}
			slices.Sort(all)
			return strings.Join(all, " ")
		}
		write(one, "outbox1", "192.0.2.1", "2001:DB8:0::1")
		write(two, "outbox2", "192.0.2.1")
		if got := have(); got != "192.0.2.1/outbox1 192.0.2.1/outbox2 2001:db8::1/outbox1" {
			t.Error(got)
		}
		write(one, "outbox1", "192.0.2.7")
		if got := have(); got != "192.0.2.1/outbox2 192.0.2.7/outbox1" {
			t.Error(got)
		}
		write(two, "outbox2")
		write(one, "Outbox1", "192.0.2.8")
		if got := have(); got != "192.0.2.7/outbox1 192.0.2.8/Outbox1" {
			t.Error(got)
		}
	})
}

func TestWrongAddress(t *testing.T) {
	for _, address := range []string{"", "sqlite://settings.db", "sqlite:///proc/none/settings.db", "mysql://u:secret@/db"} {
		if _, err := Open(address, nil); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", address, err)
		}
	}
}
