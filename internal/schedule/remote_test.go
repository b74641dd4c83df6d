package schedule

import (
	"net/netip"
	"testing"
	"time"

	"posthoorn/internal/settings"
)

var (
	mx1 = target("198.51.100.1")
	mx2 = target("198.51.100.2")
)

// two brings a site with two addresses to the point where its first dial is due.
func (s *script) two(site string, items int) {
	s.Helper()
	for range items {
		s.add(site)
	}
	s.step(0)
	s.p.Resolved(s.now, site, Route{Targets: []Target{mx1, mx2}, Expires: s.now.Add(time.Hour)})
	s.step(0)
}

// opens lets the first dial of the last Todo succeed and says where it went.
func (s *script) opens() (ConnID, netip.Addr) {
	s.Helper()
	c := s.open()
	return c, s.todo.Dial[0].Targets[0].Addr
}

// A connection to an address whose rate is used up waits, and the other address goes on.
func TestRemoteRates(t *testing.T) {
	for name, counts := range map[string]settings.Counts{"messages": {Messages: 60}, "bytes": {Bytes: 60_000}} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, settings.Limits{Remote: counts})
			s.two("a.test", 5)
			a, addr := s.opens()
			s.want("first", addr, mx1.Addr)
			s.want("pull", s.pull(a), 1)
			s.p.Done(s.now, a, 1, Outcome{Bytes: 1000, Delivered: true})
			s.want("next to the same address", s.pull(a), 0)
			s.step(0)
			b, addr := s.opens()
			s.want("second", addr, mx2.Addr)
			s.want("pull", s.pull(b), 2)
			s.p.Done(s.now, b, 2, Outcome{Bytes: 1000, Delivered: true})
			s.want("next to the same address", s.pull(b), 0)
			s.want("none may have more", len(s.step(0).Dial), 0)
			s.want("too early", len(s.step(900*time.Millisecond).Hand), 0)
			s.want("both go on", len(s.step(100*time.Millisecond).Hand), 2)
		})
	}
}

func TestRemoteCounts(t *testing.T) {
	for _, c := range []struct {
		name   string
		counts settings.Counts
		dials  []netip.Addr // that may be on their way or open at a time
	}{
		{"starting", settings.Counts{Starting: 1}, []netip.Addr{mx1.Addr, mx2.Addr}},
		{"connections", settings.Counts{Connections: 1}, []netip.Addr{mx1.Addr, mx2.Addr}},
		{"connects", settings.Counts{Connects: 1}, []netip.Addr{mx1.Addr, mx2.Addr}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScript(t, settings.Limits{Remote: c.counts, Domain: settings.Counts{Starting: 10}})
			s.two("a.test", 6)
			var got []netip.Addr
			for range 4 {
				for _, d := range s.todo.Dial {
					got = append(got, d.Targets[0].Addr)
				}
				s.step(0)
			}
			s.want("dials", got, c.dials)
		})
	}
}

// The defaults allow one dial at a time to each address (delivery-control.md section 1).
func TestDefaults(t *testing.T) {
	s := newScript(t, settings.Defaults())
	c := s.connect("a.test")
	s.pull(c)
	for range 10 {
		s.add("a.test")
	}
	s.want("one dial on its way", len(s.step(0).Dial), 1)
	s.want("no other", len(s.step(time.Second/2).Dial), 0)
	s.todo = Todo{}
	s.step(0)
	x, _ := s.p.Explain(s.now, "a.test")
	s.want("starting", []int{x.Lanes[0].Opening, x.Lanes[0].Remotes[0].Opening}, []int{1, 1})
	s.want("waits", x.Lanes[0].Waits.For, "a dial that is on its way")
}

func TestRemoteIdleLimit(t *testing.T) {
	s := newScript(t, settings.Limits{Remote: settings.Counts{Idle: 1}, IdleTime: time.Minute})
	a := s.connect("a.test")
	s.pull(a)
	s.add("a.test")
	s.step(0)
	b := s.open()
	s.want("pull", s.pull(b), 2)
	s.done(a, 1)
	s.pull(a)
	s.done(b, 2)
	s.pull(b)
	s.want("the one idle longest ends", s.step(0).Close, []ConnID{a})
}

// The class of a message may be had at one address and not at another.
func TestClassAtTheOtherAddress(t *testing.T) {
	s := newScript(t, settings.Limits{})
	s.p.Add(s.now, Item{ID: 1, Site: "a.test", Pool: s.pools.Of(src1), Class: Class{Security: "verify"}})
	s.step(0)
	s.p.Resolved(s.now, "a.test", Route{Targets: []Target{mx1, mx2}})
	s.step(0)
	s.refuse(ScopeClass)
	s.want("failed", len(s.todo.Fail), 0)
	s.want("the other", s.todo.Dial[0].Targets, []Target{mx2})
	s.refuse(ScopeSite)
	s.want("now it fails", len(s.todo.Fail), 1)
	s.p.Add(s.now, Item{ID: 2, Site: "a.test", Pool: s.pools.Of(src1)})
	s.want("another class may try the first", s.step(0).Dial[0].Targets, []Target{mx1})
}

// When all have failed the lane is offline, and all are tried again when that is over.
func TestRoundsOfDials(t *testing.T) {
	s := newScript(t, settings.Limits{})
	s.two("a.test", 1)
	s.refuse(ScopeSite)
	s.refuse(ScopeSite)
	s.want("failed", len(s.todo.Fail), 1)
	s.step(119 * time.Second)
	s.want("verdict", s.add("a.test").Kind, Offline)
	s.step(time.Second)
	s.add("a.test")
	s.step(0)
	var got []netip.Addr
	for len(s.todo.Dial) > 0 {
		got = append(got, s.todo.Dial[0].Targets[0].Addr)
		s.refuse(ScopeSite)
	}
	s.want("tried", len(got), 2)
}

// A server that changes its addresses does not get more than the rate of each: those that were used within it are remembered,
// and those of long ago are not.
func TestRatesOfRotatingAddresses(t *testing.T) {
	s := newScript(t, settings.Limits{Remote: settings.Counts{Messages: 1, Connects: 1}})
	send := func(addr netip.Addr) {
		s.p.Resolved(s.now, "a.test", Route{Group: "g", Targets: []Target{{Host: "mx", Addr: addr}}})
		s.add("a.test")
		s.step(0)
		c := s.open()
		if id := s.pull(c); id != 0 {
			s.done(c, id)
		}
		s.p.Retire(s.now, func(netip.Addr) bool { return true })
		s.pull(c)
		s.step(0)
		s.p.Closed(s.now, c)
	}
	s.add("a.test")
	s.step(0)
	addr := mx1.Addr
	for range 60 {
		send(addr)
		addr = addr.Next()
	}
	l := s.p.groups["g"].lanes[src1]
	first := l.remotes[mx1.Addr]
	s.want("the first is known", first != nil && first.messages.due > s.p.instant(s.now), true)
	for range 60 {
		send(addr)
		addr = addr.Next()
		s.step(10 * time.Second)
	}
	s.want("the same lane", l == s.p.groups["g"].lanes[src1], true)
	s.want("not for ever", len(l.remotes) < 40, true)
}

func TestSpread(t *testing.T) {
	for _, spread := range []bool{false, true} {
		s := newScript(t, settings.Limits{Spread: spread, IdleTime: time.Minute})
		a := s.connect("a.test")
		s.pull(a)
		s.add("a.test")
		s.step(0)
		b := s.open()
		s.pull(b)
		s.done(a, 1)
		s.pull(a)
		s.step(10 * time.Millisecond)
		s.done(b, 2)
		s.pull(b)
		used := map[ConnID]int{}
		for range 6 {
			s.add("a.test")
			h := s.step(10 * time.Millisecond).Hand[0]
			used[h.Conn]++
			s.done(h.Conn, h.Item.ID)
			s.pull(h.Conn)
		}
		s.want("hand-outs", []int{used[a], used[b]}, map[bool][]int{false: {0, 6}, true: {3, 3}}[spread])
	}
}

// An address that behaves strangely is left alone, and the other goes on.
func TestStrangeAddress(t *testing.T) {
	s := newScript(t, settings.Limits{Remote: settings.Counts{Connections: 1}})
	s.two("a.test", strikeOut+1)
	c, _ := s.opens()
	for i := range strikeOut {
		id := uint64(i + 1)
		s.want("pull", s.pull(c), id)
		s.p.Done(s.now, c, id, Outcome{Strange: true, Err: errRefused})
	}
	s.want("pull", s.pull(c), 0)
	s.step(0)
	s.want("it ends, and nothing fails", []any{s.todo.Close, len(s.todo.Fail)}, []any{[]ConnID{c}, 0})
	s.want("the other", s.todo.Dial[0].Targets, []Target{mx2})
}
