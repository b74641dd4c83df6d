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

// An outage or a pause that ends before its time begins a new round of dials: what fails in it counts, and is not dialed
// over and over until the old end has come.
func TestRoundAfterAnEarlyEnd(t *testing.T) {
	class := Class{Security: "verify"}
	for name, lead := range map[string]func(s *script){
		"outage that the operator ended": func(s *script) {
			s.add("a.test")
			s.step(0)
			s.resolve("a.test")
			s.step(0)
			s.refuse(ScopeSite)
			s.step(time.Second)
			s.p.Expedite(s.now, "a.test")
			s.add("a.test")
			s.step(0)
		},
		"outage of a class": func(s *script) {
			s.p.Add(s.now, Item{ID: 50, Site: "a.test", Pool: s.pools.Of(src1), Class: class})
			s.step(0)
			s.resolve("a.test")
			s.step(0)
			s.refuse(ScopeClass)
			s.step(time.Second)
			s.p.Expedite(s.now, "a.test")
			s.p.Add(s.now, Item{ID: 51, Site: "a.test", Pool: s.pools.Of(src1), Class: class})
			s.step(0)
		},
		"outage of the rest while an address was paused": func(s *script) {
			s.pause(mx1.Addr)
			s.two("a.test", 1)
			s.refuse(ScopeSite)
			s.step(time.Second)
			s.pause()
			s.add("a.test")
			s.step(0)
		},
		"outage that a dial on its way ended": func(s *script) {
			c := s.connect("a.test")
			for range strikeOut + 2 {
				s.add("a.test")
			}
			s.step(0)
			dial := s.todo.Dial[0].Conn
			for range strikeOut {
				id := s.pull(c)
				s.now = s.now.Add(time.Second)
				s.p.Done(s.now, c, id, Outcome{Strange: true})
			}
			s.pull(c)
			s.p.Opened(s.now, dial, Opening{})
			s.pull(dial)
			s.step(0)
		},
		"pause that a dial on its way ended": func(s *script) {
			s.p.Use(s.now, fixed{all: settings.Limits{Domain: settings.Counts{Starting: 2}}})
			s.pull(s.connect("a.test"))
			for range 4 {
				s.add("a.test")
			}
			s.step(0)
			s.p.DialFailed(s.now, s.todo.Dial[0].Conn, DialFailure{Err: errRefused})
			s.p.Opened(s.now, s.todo.Dial[1].Conn, Opening{})
			s.pull(s.todo.Dial[1].Conn)
			s.step(0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, settings.Limits{})
			lead(s)
			dials := len(s.todo.Dial)
			for i := 0; i < 20 && len(s.todo.Dial) > 0; i++ {
				scope := ScopeSite
				if s.todo.Dial[0].Class == class {
					scope = ScopeClass
				}
				s.refuse(scope)
				dials += len(s.todo.Dial)
			}
			if dials == 0 || dials > 2 {
				t.Errorf("%d dials", dials)
			}
		})
	}
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
