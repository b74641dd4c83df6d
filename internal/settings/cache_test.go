package settings

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func newTestCache(store Store, log *lines) *Cache {
	return NewCache(CacheOptions{Store: store, Server: 1, Logger: log.logger(), Registerer: prometheus.NewRegistry()})
}

// run starts Run and returns what ends it.
func run(t *testing.T, c *Cache) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { c.Run(ctx); close(done) }()
	return func() { cancel(); <-done }
}

func TestReloadSwapsOnlyWhatHasChanged(t *testing.T) {
	store, log := newStore(), &lines{}
	c := newTestCache(store, log)
	store.add("capacity", row("capacity", "domain", "a.example", "domain_maxmessages", "5"))
	var seen []uint64
	c.Subscribe(func(s *Snapshot) {
		if s != c.Current() {
			t.Error("told before the swap")
		}
		seen = append(seen, s.Version())
	})
	for range 3 {
		if err := c.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) != 1 || c.Current().Limits(ip1, []string{"a.example"}, nil).Domain.Messages != 5 {
		t.Fatalf("swaps %v", seen)
	}
	store.set(func() { store.rows["capacity"][0]["domain_maxmessages"] = "6" })
	_ = c.Reload(t.Context())
	store.set(func() { delete(store.rows["capacity"][0], "domain_maxmessages") })
	_ = c.Reload(t.Context())
	store.set(func() { store.rows["capacity"][0]["comment"] = "not ours" })
	_ = c.Reload(t.Context())
	if len(seen) != 3 || seen[0] == seen[1] || seen[1] == seen[2] {
		t.Errorf("swaps %v", seen)
	}
}

func TestBadRowIsLoggedOnce(t *testing.T) {
	store, log := newStore(), &lines{}
	c := newTestCache(store, log)
	id := store.add("capacity", row("capacity", "domain", "a.example", "domain_maxmessages", "many"))
	good := store.add("capacity", row("capacity", "domain", "b.example", "domain_maxmessages", "5"))
	count := func() int {
		return log.with("level=WARN", "table=capacity", "id="+strconv.FormatInt(id, 10), "domain_maxmessages")
	}
	_ = c.Reload(t.Context())
	store.add("paused", Row{"target": "b.example"})
	_ = c.Reload(t.Context())
	if count() != 1 || !c.Current().HasLimits("b.example") {
		t.Fatalf("%d lines", count())
	}
	store.set(func() { store.rows["capacity"][0]["domain_maxmessages"] = "more" })
	_ = c.Reload(t.Context())
	store.set(func() { store.rows["capacity"][0]["domain_maxmessages"] = "7" })
	_ = c.Reload(t.Context())
	if count() != 2 || !c.Current().HasLimits("a.example") {
		t.Errorf("%d lines", count())
	}
	if n := log.with("id=" + strconv.FormatInt(good, 10)); n != 0 {
		t.Errorf("%d lines of a good row", n)
	}
}

func TestVeryManyBadRows(t *testing.T) {
	store, log := newStore(), &lines{}
	c := newTestCache(store, log)
	for range 3 * mostLines {
		store.add("dns", Row{"domain": "a.example", "ip": "x"})
	}
	_ = c.Reload(t.Context())
	if n := log.with("left out", "table=dns"); n != mostLines || log.with("more rows", "rows=200") != 1 {
		t.Errorf("%d lines", n)
	}
	store.add("dns", Row{"domain": "a.example", "ip": "192.0.2.1"})
	_ = c.Reload(t.Context())
	if n := log.with("left out", "table=dns"); n != 2*mostLines {
		t.Errorf("%d lines", n)
	}
}

func TestOutageKeepsAndHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, log := newStore(), &lines{}
		store.add("capacity", row("capacity", "domain", "a.example", "domain_maxmessages", "5"))
		c := newTestCache(store, log)
		_ = c.Reload(t.Context())
		defer run(t, c)()
		before := c.Current()
		store.set(func() { store.down = errors.New("gone"); store.rows["capacity"] = nil })
		time.Sleep(usualTTL + time.Minute)
		synctest.Wait()
		if c.Current() != before || log.with("WARN", "gone") != 1 {
			t.Fatalf("another snapshot, or %d lines", log.with("WARN", "gone"))
		}
		store.set(func() { store.down = nil })
		time.Sleep(retry + time.Second)
		synctest.Wait()
		if c.Current().HasLimits("a.example") || log.with("can be read again") != 1 {
			t.Errorf("not healed after %v", retry)
		}
		store.set(func() { store.down = errors.New("gone again") })
		if c.Reload(t.Context()) == nil {
			t.Error("no error")
		}
		store.set(func() { store.down = nil; store.loads = 0 })
		time.Sleep(retry + time.Second) // Run comes back for an outage that somebody else found
		synctest.Wait()
		if store.reads() != 1 || log.with("WARN") != 2 || log.with("can be read again") != 2 {
			t.Errorf("%d loads, %d lines", store.reads(), log.with("can be read again"))
		}
	})
}

func TestRunReloadsEveryTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		c := newTestCache(store, &lines{})
		defer run(t, c)()
		synctest.Wait()
		if store.reads() != 1 {
			t.Fatalf("%d loads at the start", store.reads())
		}
		time.Sleep(3*usualTTL + time.Second)
		synctest.Wait()
		if store.reads() != 4 {
			t.Errorf("%d loads", store.reads())
		}
	})
}

func TestStoreThatHangsHoldsUpNoPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, log := newStore(), &lines{}
		c := newTestCache(store, log)
		store.set(func() { store.hangs = true })
		defer run(t, c)()
		synctest.Wait() // Run hangs in Load
		start := time.Now()
		p, err := c.Pause(t.Context(), Pause{Domain: "A.example"})
		if err != nil || !p.Memory || p.Domain != "a.example" || time.Since(start) > writeTime {
			t.Fatalf("%+v, %v after %v", p, err, time.Since(start))
		}
		if n, err := c.Resume(t.Context(), Pause{Domain: "a.example"}); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Reload(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

func TestPauseEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		c := newTestCache(store, &lines{})
		_ = c.Reload(t.Context())
		defer run(t, c)()
		var mu sync.Mutex
		var all []time.Duration
		start := time.Now()
		c.Subscribe(func(*Snapshot) {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, time.Since(start))
		})
		swaps := func() []time.Duration {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(all)
		}
		for i, d := range []time.Duration{90 * time.Second, 3 * time.Second} {
			p, err := c.Pause(t.Context(), Pause{Tag: strconv.Itoa(i), Expire: start.Add(d)})
			if err != nil || p.ID == 0 || p.Memory {
				t.Fatalf("%+v, %v", p, err)
			}
		}
		if _, err := c.Pause(t.Context(), Pause{Memory: true, Expire: start.Add(5 * time.Second)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		want := []time.Duration{0, 0, 0, 3 * time.Second, 5 * time.Second, 90 * time.Second}
		if !slices.Equal(swaps(), want) || len(c.Current().Pauses()) != 0 {
			t.Errorf("swaps after %v", swaps())
		}
		if store.count("paused") != 2 {
			t.Errorf("%d rows", store.count("paused"))
		}
		time.Sleep(grace + usualTTL)
		synctest.Wait()
		if store.count("paused") != 0 {
			t.Errorf("%d rows stay in the database", store.count("paused"))
		}
		n := len(swaps())
		time.Sleep(5 * usualTTL)
		synctest.Wait()
		if len(swaps()) > n+1 {
			t.Errorf("%d swaps with nothing to do", len(swaps())-n)
		}
	})
}

func TestDelegateThatHasEndedSwapsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		store.add("delegates", Row{"delegate": "192.0.2.1", "expire": time.Now().UTC().Add(time.Minute).Format(time.DateTime)})
		c := newTestCache(store, &lines{})
		_ = c.Reload(t.Context())
		defer run(t, c)()
		v := c.Current().Version()
		time.Sleep(3 * usualTTL)
		synctest.Wait()
		if got := c.Current().Version(); got != v+1 {
			t.Errorf("%d swaps", got-v)
		}
	})
}

func TestReloadThatIsCancelledIsNoOutage(t *testing.T) {
	store, log := newStore(), &lines{}
	c := newTestCache(store, log)
	store.hangs = true
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if c.Reload(ctx) == nil || c.outage.Load() || log.with("WARN") != 0 {
		t.Error("an outage, or no error")
	}
}

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
	if n, err := c.Resume(t.Context(), Pause{}); n != 2 || err != nil || len(c.Current().Pauses()) != 0 {
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
		{Expire: time.Now().Add(-time.Minute)}, {Expire: time.Date(10001, 1, 1, 0, 0, 0, 0, time.UTC)}, {Remote: netip.MustParseAddr("fe80::1%eth0")},
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
