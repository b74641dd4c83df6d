package settings

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestWithoutStore(t *testing.T) {
	c := NewCache(CacheOptions{})
	if c.Current() == nil || c.Current().Limits(ip1, nil, nil) != Defaults() {
		t.Fatal("no snapshot")
	}
	if err := c.Reload(t.Context()); err != nil {
		t.Error(err)
	}
	p, err := c.Pause(t.Context(), Pause{})
	if _, paused := c.Current().Paused(ip1, "a.example", nil, time.Now()); err != nil || !p.Memory || !paused {
		t.Errorf("%+v, %v", p, err)
	}
	if n, err := c.Resume(t.Context(), Pause{}); n != 1 || err != nil || len(c.Current().Pauses()) != 0 {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := c.Resume(t.Context(), Pause{}); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

func TestPauseInTheDatabase(t *testing.T) {
	store := newStore()
	c := newTestCache(store, &lines{})
	remote := netip.MustParseAddr("198.51.100.1")
	for _, p := range []Pause{{}, {Source: ip1}, {Source: ip1, Domain: "Bücher.example", Tag: "News"}, {Remote: remote}, {Tag: "News"}} {
		q, err := c.Pause(t.Context(), p)
		if err != nil || q.Memory || q.ID == 0 {
			t.Fatalf("%+v: %+v, %v", p, q, err)
		}
		if !slices.Contains(c.Current().Pauses(), q) {
			t.Errorf("%+v is not in force", q)
		}
	}
	want := Row{"id": "3", "localip": "192.0.2.1", "target": "xn--bcher-kva.example", "tag": "News", "cluster": "0", "server": "1"}
	for k, v := range want {
		if store.rows["paused"][2][k] != v {
			t.Errorf("%s = %q", k, store.rows["paused"][2][k])
		}
	}
	if n, err := c.Resume(t.Context(), Pause{}); n != 1 || err != nil || len(c.Current().Pauses()) != 4 || store.count("paused") != 4 {
		t.Errorf("%d, %v, %d rows", n, err, store.count("paused"))
	}
	store.add("paused", Row{"localip": "192.0.2.1", "target": "bücher.example", "tag": "News", "server": "2"})
	store.add("paused", Row{"localip": "192.0.2.1", "target": "bücher.example", "tag": "News", "cluster": "1"})
	store.add("paused", Row{"expire": "2001-01-01 00:00:00"})
	if n, err := c.Resume(t.Context(), Pause{Source: ip1, Domain: "bücher.example.", Tag: "News"}); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if store.count("paused") != 4 { // that of the other server stays, the ended one is gone
		t.Errorf("%d rows", store.count("paused"))
	}
}

// A smarthost is paused by its name, whatever the port: the tables name hosts.
func TestPauseOfASmarthost(t *testing.T) {
	c := newTestCache(newStore(), &lines{})
	p, err := c.Pause(t.Context(), Pause{Domain: "Relay.example:587"})
	if err != nil || p.Memory || p.Domain != "relay.example" {
		t.Fatalf("%+v, %v", p, err)
	}
	if _, ok := c.Current().Paused(ip1, "relay.example", nil, time.Now()); !ok {
		t.Error("not in force")
	}
	if n, err := c.Resume(t.Context(), Pause{Domain: "relay.example:25"}); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

func TestPauseOnABadDay(t *testing.T) {
	store, log := newStore(), &lines{}
	c := newTestCache(store, log)
	row, err := c.Pause(t.Context(), Pause{Tag: "row"})
	if err != nil {
		t.Fatal(err)
	}
	store.set(func() { store.down = errors.New("gone") })
	for range 2 {
		p, err := c.Pause(t.Context(), Pause{Domain: "a.example"})
		if err != nil || !p.Memory || log.with("in memory", "gone") == 0 {
			t.Fatalf("%+v, %v", p, err)
		}
	}
	if got := c.Current().Pauses(); len(got) != 2 || !got[1].Memory {
		t.Errorf("%+v", got)
	}
	if n, err := c.Resume(t.Context(), Pause{Tag: "row"}); n != 0 || err == nil || !slices.Contains(c.Current().Pauses(), row) {
		t.Errorf("%d, %v", n, err)
	}
	store.set(func() { store.down = nil })
	_ = c.Reload(t.Context())
	if got := c.Current().Pauses(); len(got) != 2 || store.count("paused") != 1 {
		t.Errorf("%+v", got)
	}
	if n, err := c.Resume(t.Context(), Pause{Domain: "a.example"}); n != 1 || err != nil || len(c.Current().Pauses()) != 1 {
		t.Errorf("%d, %v", n, err)
	}
}

func TestPauseIsInForceThoughItCannotBeReadBack(t *testing.T) {
	store := newStore()
	c := newTestCache(store, &lines{})
	store.part = true
	if p, err := c.Pause(t.Context(), Pause{}); err != nil || !p.Memory || store.count("paused") != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	store.part = false
	_ = c.Reload(t.Context())
	if got := c.Current().Pauses(); len(got) != 1 || got[0].Memory {
		t.Errorf("the row does not take the place of what was held in memory: %+v", got)
	}
	if n, err := c.Resume(t.Context(), Pause{}); n != 1 || err != nil || len(c.Current().Pauses()) != 0 {
		t.Errorf("%d, %v", n, err)
	}
}

func TestRowThatIsDeletedIsOutOfForceThoughReadsFail(t *testing.T) {
	store := &failingReads{memStore: newStore()}
	c := newTestCache(store, &lines{})
	_, _ = c.Pause(t.Context(), Pause{})
	store.left = 1
	store.limited = true
	if n, err := c.Resume(t.Context(), Pause{}); n != 1 || err != nil || len(c.Current().Pauses()) != 0 {
		t.Errorf("%d, %v, %+v", n, err, c.Current().Pauses())
	}
}

// A row that may have been written, and was not read back, is not out of the world because the copy in memory is.
func TestResumeOfARowThatWasNeverRead(t *testing.T) {
	for name, of := range map[string]func(m *memStore) Store{
		"reads fail":     func(m *memStore) Store { return m },
		"no answer came": func(m *memStore) Store { return lostAnswers{m} },
	} {
		t.Run(name, func(t *testing.T) {
			store := newStore()
			cache := newTestCache(of(store), &lines{})
			store.part = true
			if p, err := cache.Pause(t.Context(), Pause{}); err != nil || !p.Memory || store.count("paused") != 1 {
				t.Fatalf("%+v, %v", p, err)
			}
			for want := 1; want >= 0; want-- {
				if n, err := cache.Resume(t.Context(), Pause{}); n != want || err == nil {
					t.Errorf("%d, %v", n, err)
				}
			}
			store.set(func() { store.part = false })
			if n, err := cache.Resume(t.Context(), Pause{}); n != 1 || err != nil || store.count("paused") != 0 {
				t.Errorf("%d, %v", n, err)
			}
			store.set(func() { store.part = true })
			if n, err := cache.Resume(t.Context(), Pause{}); n != 0 || err != nil {
				t.Errorf("it is known to be gone: %d, %v", n, err)
			}
		})
	}
}

// lostAnswers writes a row and does not say so.
type lostAnswers struct{ *memStore }

func (l lostAnswers) Insert(ctx context.Context, table string, cells map[string]any) error {
	if err := l.memStore.Insert(ctx, table, cells); err != nil {
		return err
	}
	return context.DeadlineExceeded
}

// A reload that has read a row before it was deleted does not bring it back, however late it ends.
func TestDeletedRowThatAReloadHasReadBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowReads{memStore: newStore(), release: make(chan struct{})}
		c := newTestCache(store, &lines{})
		if _, err := c.Pause(t.Context(), Pause{}); err != nil {
			t.Fatal(err)
		}
		store.deleting = func() {
			store.slow.Store(true)
			go func() { _ = c.Reload(t.Context()) }()
			synctest.Wait()
		}
		if n, err := c.Resume(t.Context(), Pause{}); n != 1 || err != nil || len(c.Current().Pauses()) != 0 {
			t.Errorf("%d, %v, %+v", n, err, c.Current().Pauses())
		}
		close(store.release)
		synctest.Wait()
		if got := c.Current().Pauses(); len(got) != 0 {
			t.Errorf("came back: %+v", got)
		}
		if err := c.Reload(t.Context()); err != nil || len(c.Current().Pauses()) != 0 {
			t.Errorf("%v, %+v", err, c.Current().Pauses())
		}
		if p, err := c.Pause(t.Context(), Pause{}); err != nil || p.Memory || len(c.Current().Pauses()) != 1 {
			t.Errorf("another: %+v, %v", p, err)
		}
	})
}

// slowReads has its rows at once, and gives them when it is let.
type slowReads struct {
	*memStore
	deleting func()
	slow     atomic.Bool
	release  chan struct{}
}

func (s *slowReads) Load(ctx context.Context, tables []Table) (map[string][]Row, error) {
	all, err := s.memStore.Load(ctx, tables)
	if s.slow.Load() {
		<-s.release
	}
	return all, err
}

func (s *slowReads) Delete(ctx context.Context, table string, ids []int64) error {
	s.deleting()
	return s.memStore.Delete(ctx, table, ids)
}

// failingReads can be read a few times more.
type failingReads struct {
	*memStore
	limited bool
	left    int
}

func (f *failingReads) Load(ctx context.Context, tables []Table) (map[string][]Row, error) {
	if f.limited {
		if f.left--; f.left < 0 {
			return nil, errors.New("gone")
		}
	}
	return f.memStore.Load(ctx, tables)
}

func TestPauseRefuses(t *testing.T) {
	c := NewCache(CacheOptions{})
	for _, p := range []Pause{
		{Domain: "a.example", Remote: ip1}, {Domain: "a b"}, {Domain: "a\r\nb"}, {Tag: "a\nb"}, {Tag: strings.Repeat("x", 256)}, {Tag: "\xff"},
		{Expire: time.Now().Add(-time.Minute)},
		{Expire: time.Date(10001, 1, 1, 0, 0, 0, 0, time.UTC)}, {Remote: netip.MustParseAddr("fe80::1%eth0")},
	} {
		if _, err := c.Pause(t.Context(), p); err == nil {
			t.Errorf("%+v", p)
		}
	}
	if _, err := c.Resume(t.Context(), Pause{Domain: "a b"}); err == nil || len(c.Current().Pauses()) != 0 {
		t.Error("resumed nonsense")
	}
	if p, err := c.Pause(t.Context(), Pause{Domain: "*", Tag: " * "}); err != nil || !p.Equal(Pause{}) {
		t.Errorf("%+v, %v", p, err)
	}
}
