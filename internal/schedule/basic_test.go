package schedule

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"posthoorn/internal/settings"
)

var (
	epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	src1  = netip.MustParseAddr("192.0.2.1")
	src2  = netip.MustParseAddr("192.0.2.2")
)

// fixed is a snapshot with the same limits for all lanes, or with limits by key; times that are not given are those of
// the defaults.
type fixed struct {
	all    settings.Limits
	keys   map[string]settings.Limits
	floods map[int64]settings.Limits // while one holds
	paused []netip.Addr              // remote addresses
	tagged map[string][]netip.Addr   // likewise, by tag
	total  int
}

func (f fixed) Limits(_ netip.Addr, key string, floods []int64) settings.Limits {
	l, ok := f.keys[key]
	if !ok {
		l = f.all
	}
	for _, id := range floods {
		if reduced, ok := f.floods[id]; ok {
			l = reduced
		}
	}
	l.IdleTime = cmp.Or(l.IdleTime, settings.Defaults().IdleTime)
	l.Offline = cmp.Or(l.Offline, settings.Defaults().Offline)
	return l
}
func (f fixed) PausedRemotes(_ netip.Addr, class Class) []netip.Addr {
	if more := f.tagged[class.Tags]; class.Tags != "" && len(more) > 0 {
		return append(slices.Clone(more), f.paused...)
	}
	return f.paused
}
func (f fixed) TotalConnections() int { return f.total }

func target(s string) Target { return Target{Host: "mx", Addr: netip.MustParseAddr(s)} }

// script drives a plan by hand.
type script struct {
	*testing.T
	p     *Plan
	now   time.Time
	pools Pools
	next  uint64
	todo  Todo
}

func newScript(t *testing.T, limits settings.Limits) *script {
	s := &script{T: t, p: New(Options{}), now: epoch}
	s.p.Use(s.now, fixed{all: limits})
	return s
}

func (s *script) add(site string, sources ...netip.Addr) Verdict {
	if len(sources) == 0 {
		sources = []netip.Addr{src1}
	}
	s.next++
	return s.p.Add(s.now, Item{ID: s.next, Site: site, Pool: s.pools.Of(sources...)})
}

func (s *script) step(d time.Duration) Todo {
	s.now = s.now.Add(d)
	s.todo = s.p.Todo(s.now)
	return s.todo
}

func (s *script) resolve(site string) {
	s.p.Resolved(s.now, site, Route{Targets: []Target{target("198.51.100.1")}, Expires: s.now.Add(time.Hour)})
}

// connect brings the site to its first open connection.
func (s *script) connect(site string) ConnID {
	s.Helper()
	s.add(site)
	s.step(0)
	s.resolve(site)
	t := s.step(0)
	if len(t.Dial) != 1 {
		s.Fatalf("%d dials", len(t.Dial))
	}
	s.p.Opened(s.now, t.Dial[0].Conn, Opening{Addr: t.Dial[0].Targets[0].Addr})
	return t.Dial[0].Conn
}

func TestOneMessage(t *testing.T) {
	s := newScript(t, settings.Limits{})
	if v := s.add("a.test"); v.Kind != Queued {
		t.Fatal(v)
	}
	todo := s.step(0)
	if len(todo.Lookup) != 1 || todo.Lookup[0] != "a.test" || len(todo.Dial) != 0 {
		t.Fatalf("%+v", todo)
	}
	s.resolve("a.test")
	todo = s.step(0)
	if len(todo.Dial) != 1 {
		t.Fatalf("%+v", todo)
	}
	d := todo.Dial[0]
	if d.Site != "a.test" || d.Source != src1 || len(d.Targets) != 1 {
		t.Errorf("%+v", d)
	}
	s.p.Opened(s.now, d.Conn, Opening{})
	it, ok := s.p.Pull(s.now, d.Conn)
	if !ok || it.ID != 1 {
		t.Fatal(it, ok)
	}
	if _, ok := s.p.Next(s.now, d.Conn); ok {
		t.Error("nothing to come")
	}
	s.p.Done(s.now, d.Conn, 1, Outcome{Delivered: true})
	if _, ok := s.p.Pull(s.now, d.Conn); ok {
		t.Error("pulled from an empty plan")
	}
	s.add("a.test")
	if todo = s.step(0); len(todo.Hand) != 1 || todo.Hand[0].Item.ID != 2 || todo.Hand[0].Conn != d.Conn {
		t.Fatalf("%+v", todo)
	}
	s.p.Done(s.now, d.Conn, 2, Outcome{Delivered: true})
	s.p.Pull(s.now, d.Conn)
	if todo = s.step(5 * time.Second); len(todo.Close) != 1 {
		t.Fatalf("idle connection not closed: %+v", todo)
	}
	s.p.Closed(s.now, d.Conn)
	if n := s.p.Totals(); n.Connections != 0 || n.InHand != 0 || n.Waiting != 0 {
		t.Errorf("%+v", n)
	}
	for range 200 {
		s.step(time.Minute)
	}
	if n := s.p.Totals(); n.Sites != 0 || n.Groups != 0 || n.Lanes != 0 || len(s.p.timers.heap) != 0 {
		t.Errorf("left behind: %+v, %d timers", n, len(s.p.timers.heap))
	}
}

func TestOffline(t *testing.T) {
	s := newScript(t, settings.Limits{})
	for range 5 {
		s.add("a.test")
	}
	s.step(0)
	s.resolve("a.test")
	d := s.step(0).Dial[0]
	refused := errors.New("refused")
	s.p.DialFailed(s.now, d.Conn, DialFailure{Err: refused})
	todo := s.step(0)
	if len(todo.Fail) != 5 || todo.Fail[0].Err != refused || todo.Fail[0].Source != src1 || len(todo.Dial) != 0 {
		t.Fatalf("%+v", todo)
	}
	if v := s.add("a.test"); v.Kind != Offline || v.Err != refused {
		t.Errorf("%+v", v)
	}
	s.step(2 * time.Minute)
	if v := s.add("a.test"); v.Kind != Queued {
		t.Errorf("%+v", v)
	}
	todo = s.step(0)
	if len(todo.Dial) != 1 {
		t.Fatalf("%+v", todo)
	}
	s.p.DialFailed(s.now, todo.Dial[0].Conn, DialFailure{Err: refused})
	if todo = s.step(0); len(todo.Fail) != 1 {
		t.Fatalf("%+v", todo)
	}
	s.step(3 * time.Minute)
	if v := s.add("a.test"); v.Kind != Offline {
		t.Errorf("the second time must be longer: %+v", v)
	}
	s.step(time.Minute)
	if v := s.add("a.test"); v.Kind != Queued {
		t.Errorf("%+v", v)
	}
}
