package schedule

import (
	"net/netip"
	"testing"
	"time"

	"posthoorn/internal/settings"
)

func TestRetire(t *testing.T) {
	s := newScript(t, settings.Limits{IdleTime: time.Hour})
	a := s.connect("a.test")
	s.pull(a)
	b := s.connect("b.test")
	s.done(b, s.pull(b))
	s.pull(b)
	s.add("a.test")
	s.p.Retire(s.now, func(source netip.Addr) bool { return source == src2 })
	s.want("others", len(s.step(0).Close), 0)
	dial := s.todo.Dial[0].Conn
	s.p.Retire(s.now, func(source netip.Addr) bool { return source == src1 })
	s.want("the idle one ends", s.step(0).Close, []ConnID{b})
	s.want("ahead", s.nextOf(a), 0)
	s.done(a, 1)
	s.want("after its message", s.pull(a), 0)
	s.p.Opened(s.now, dial, Opening{})
	s.want("one that was being dialed", s.pull(dial), 0)
	s.want("close", s.step(0).Close, []ConnID{a, dial})
	s.want("another is dialed for the rest", len(s.todo.Dial), 1)
	s.want("which carries it", s.pull(s.open()), 3)
}

func TestForget(t *testing.T) {
	s := newScript(t, settings.Limits{IdleTime: time.Hour})
	c := s.connect("a.test")
	for range 3 {
		s.add("a.test")
	}
	s.want("pull", s.pull(c), 1)
	s.p.Forget(s.now, "a.test")
	s.step(0)
	s.want("parked", []any{len(s.todo.Park), s.todo.Park[0].Reason}, []any{3, Lookup})
	s.p.Backlog(s.now, "a.test", s.pools.Of(src1), 3)
	s.want("looked up anew", s.step(0).Lookup, []string{"a.test"})
	s.p.Resolved(s.now, "a.test", Route{Targets: []Target{mx2}})
	s.want("comes back", len(s.step(0).Refill), 1)
	s.done(c, 1)
	s.add("a.test")
	s.want("not over the old connection", s.pull(c), 0)
	s.want("unknown", func() bool { s.p.Forget(s.now, "x.test"); _, ok := s.p.Explain(s.now, "x.test"); return ok }(), false)
}

// The answer to a lookup from before is not taken.
func TestForgetWhileLookingUp(t *testing.T) {
	for _, fails := range []bool{false, true} {
		s := newScript(t, settings.Limits{})
		s.add("a.test")
		s.want("lookup", s.step(0).Lookup, []string{"a.test"})
		s.p.Forget(s.now, "a.test")
		s.want("parked", len(s.step(0).Park), 1)
		s.add("a.test")
		if fails {
			s.p.ResolveFailed(s.now, "a.test", errRefused, s.now.Add(time.Hour), false)
		} else {
			s.resolve("a.test")
		}
		s.step(0)
		s.want("asked again", []any{s.todo.Lookup, len(s.todo.Dial), len(s.todo.Fail)}, []any{[]string{"a.test"}, 0, 0})
		s.p.Resolved(s.now, "a.test", Route{Targets: []Target{mx2}})
		s.want("the new route", s.step(0).Dial[0].Targets, []Target{mx2})
		s.want("lookups", s.p.Totals().Lookups, 0)
	}
}

// Other sites of the group keep their connections and their mail.
func TestForgetOneOfAGroup(t *testing.T) {
	s := newScript(t, settings.Limits{Domain: settings.Counts{Connections: 1}})
	for _, site := range []string{"a.test", "b.test", "a.test"} {
		s.add(site)
	}
	s.step(0)
	for _, site := range []string{"a.test", "b.test"} {
		s.p.Resolved(s.now, site, Route{Group: "mx", Targets: []Target{mx1}})
	}
	s.step(0)
	c := s.open()
	s.p.Forget(s.now, "a.test")
	s.want("parked", len(s.step(0).Park), 2)
	s.want("pull", s.pull(c), 2)
}

func TestExpedite(t *testing.T) {
	s := newScript(t, settings.Limits{})
	s.add("a.test")
	s.step(0)
	s.resolve("a.test")
	s.step(0)
	s.refuse(ScopeSite)
	s.want("offline", s.add("a.test").Kind, Offline)
	s.p.Expedite(s.now, "a.test")
	s.want("queued", s.add("a.test").Kind, Queued)
	s.want("dialed", len(s.step(0).Dial), 1)
	s.refuse(ScopeSource)
	s.p.Expedite(s.now, "a.test")
	s.want("queued", s.add("a.test").Kind, Queued)
	s.want("dialed", len(s.step(0).Dial), 1)
	s.refuse(ScopeClass)
	s.want("offline", s.add("a.test").Kind, Offline)
	s.p.Expedite(s.now, "a.test")
	s.want("queued", s.add("a.test").Kind, Queued)
	s.want("dialed", len(s.step(0).Dial), 1)

	s.add("b.test")
	s.step(0)
	s.p.ResolveFailed(s.now, "b.test", errRefused, s.now.Add(time.Hour), false)
	s.step(0)
	s.want("no route", s.add("b.test").Kind, Offline)
	s.p.Expedite(s.now, "b.test")
	s.want("queued", s.add("b.test").Kind, Queued)
	s.want("looked up", s.step(0).Lookup, []string{"b.test"})
	s.p.Expedite(s.now, "unknown.test")
}

// A pause of a flood is no outage: Expedite leaves it.
func TestExpediteKeepsFloods(t *testing.T) {
	s := newFlooded(t)
	c := s.connect("a.test")
	s.pull(c)
	s.floods(c, 1, minutePause(7))
	s.p.Expedite(s.now, "a.test")
	s.add("a.test")
	s.want("parked", s.step(0).Park[0].Reason, Paused)
}
