package settings

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	ip1  = netip.MustParseAddr("192.0.2.1")
	ip2  = netip.MustParseAddr("192.0.2.2")
	ip6  = netip.MustParseAddr("2001:db8::1")
	none = netip.Addr{}
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// row makes a Row of name, value pairs; limit columns that are not named are unset, as the tables have it.
func row(table string, cells ...string) Row {
	r := Row{}
	for _, t := range Tables() {
		for _, c := range t.Columns {
			if t.Name == table && c.HasDefault {
				r[c.Name] = strconv.Itoa(c.Default)
			}
		}
	}
	for i := 0; i < len(cells); i += 2 {
		if cells[i+1] == "NULL" {
			delete(r, cells[i])
			continue
		}
		r[cells[i]] = cells[i+1]
	}
	return r
}

func snapshotOf(t testing.TB, rows map[string][]Row) *Snapshot {
	t.Helper()
	c := newContents(rows, 1)
	for _, bad := range c.bad {
		t.Errorf("%s %s: %s", bad.table, bad.id, bad.reason)
	}
	return newSnapshot(c, 1, nil, noon)
}

// memStore is a database in memory that can be away, or hang.
type memStore struct {
	mu    sync.Mutex
	rows  map[string][]Row
	last  int64
	down  error
	hangs bool
	loads int
	part  bool // writes work, reads do not
}

func newStore() *memStore { return &memStore{rows: map[string][]Row{}} }

func (m *memStore) wait(ctx context.Context, reading bool) error {
	m.mu.Lock()
	hangs, down := m.hangs, m.down
	if m.part && reading {
		down = errors.New("reads do not work")
	}
	m.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	return down
}

func (m *memStore) Load(ctx context.Context, tables []Table) (map[string][]Row, error) {
	if err := m.wait(ctx, true); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.loads++
	all := map[string][]Row{}
	for _, t := range tables {
		for _, r := range m.rows[t.Name] {
			all[t.Name] = append(all[t.Name], maps.Clone(r))
		}
	}
	return all, nil
}

func (m *memStore) Insert(ctx context.Context, table string, cells map[string]any) error {
	if err := m.wait(ctx, false); err != nil {
		return err
	}
	r := Row{}
	for name, cell := range cells {
		switch v := cell.(type) {
		case nil:
		case string:
			r[name] = v
		case int:
			r[name] = strconv.Itoa(v)
		default:
			return fmt.Errorf("cell %s is a %T", name, cell)
		}
	}
	m.add(table, r)
	return nil
}

func (m *memStore) Delete(ctx context.Context, table string, ids []int64) error {
	if err := m.wait(ctx, false); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows[table] = slices.DeleteFunc(m.rows[table], func(r Row) bool {
		n, err := strconv.ParseInt(r["id"], 10, 64)
		return err == nil && slices.Contains(ids, n)
	})
	return nil
}

func (m *memStore) add(table string, r Row) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last++
	r["id"] = strconv.FormatInt(m.last, 10)
	m.rows[table] = append(m.rows[table], r)
	return m.last
}

func (m *memStore) set(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}

func (m *memStore) count(table string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.rows[table])
}

func (m *memStore) reads() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.loads
}

// lines is a log that can be counted.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *lines) with(parts ...string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for line := range strings.Lines(l.buf.String()) {
		if !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(line, p) }) {
			n++
		}
	}
	return n
}
