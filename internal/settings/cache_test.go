package settings

import (
	"context"
	"errors"
	"slices"
	"strconv"
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
		if n, err := c.Resume(t.Context(), Pause{Domain: "a.example"}); n != 1 || err == nil || len(c.Current().Pauses()) != 0 {
			t.Errorf("%d, %v", n, err) // the row may have been written
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
	if c.Reload(ctx) == nil || c.Outdated() || log.with("WARN") != 0 {
		t.Error("an outage, or no error")
	}
}
