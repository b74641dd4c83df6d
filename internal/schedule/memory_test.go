package schedule

import (
	"testing"
	"time"

	"posthoorn/internal/settings"
)

func (s *script) send(retry bool) Kind {
	s.next++
	return s.p.Add(s.now, Item{ID: s.next, Site: "a.test", Pool: s.pools.Of(src1), Retry: retry}).Kind
}

func TestMemoryOfRetries(t *testing.T) {
	s := newScript(t, settings.Limits{MemoryFirst: 2, MemoryRetries: 1})
	s.pull(s.connect("a.test"))
	var kinds []Kind
	for _, retry := range []bool{true, true, false, false, false} {
		kinds = append(kinds, s.send(retry))
	}
	s.want("verdicts", kinds, []Kind{Queued, Park, Queued, Queued, Park})
	x, _ := s.p.Explain(s.now, "a.test")
	s.want("waiting", []int{x.Waiting, x.Retries}, []int{3, 1})
}

// What waited for its lookup is bounded too.
func TestMemoryAfterTheLookup(t *testing.T) {
	s := newScript(t, settings.Limits{Memory: 3})
	s.pull(s.connect("b.test"))
	for range 8 {
		s.add("a.test")
	}
	s.step(0)
	s.p.Resolved(s.now, "a.test", Route{Group: "b.test", Targets: []Target{mx1}})
	s.want("parked", len(s.step(0).Park), 5)
}

// Waiting mail comes in such numbers as there is room for, and that of one kind does not go to and fro.
func TestRefillOfOneKind(t *testing.T) {
	s := newScript(t, settings.Limits{Domain: settings.Counts{Connections: 1}, MemoryFirst: 10, MemoryRetries: 1})
	c := s.connect("a.test")
	s.pull(c)
	s.send(true)
	pool := s.pools.Of(src1)
	s.p.Backlog(s.now, "a.test", pool, 100)
	s.step(0)
	s.want("as there is room for first attempts", s.todo.Refill[0].N <= 10, true)
	s.next++
	v := s.p.Add(s.now, Item{ID: s.next, Site: "a.test", Pool: pool, Waited: true, Retry: true})
	s.want("but it was a retry", v.Reason, NoRoom)
	s.p.Refilled(s.now, "a.test", pool, 100, false)
	s.want("not again", len(s.step(time.Minute).Refill), 0)
	s.done(c, 1)
	s.want("pull", s.pull(c), 2)
	s.want("until there is room", s.step(0).Refill, []Refill{{"a.test", pool, 1}})
}

// The default gives way to what a fast destination sends in a second; what somebody wrote does not.
func TestDefaultMemory(t *testing.T) {
	for _, memory := range []int{settings.Defaults().Memory, 501} {
		s := newScript(t, settings.Limits{Memory: memory})
		s.pull(s.connect("a.test"))
		g := s.p.groups["a.test"]
		g.service, g.rate, g.moved = second/1000, 5000, s.p.instant(s.now)
		want := 5000
		if memory != settings.Defaults().Memory {
			want = memory
		}
		s.want("room", g.room(s.p, s.p.instant(s.now)), want)
	}
}

// The bounds of a group follow its addresses.
func TestMemoryAfterANewRoute(t *testing.T) {
	s := newScript(t, settings.Limits{Remote: settings.Counts{Messages: 60}})
	s.pull(s.connect("a.test"))
	g := s.p.groups["a.test"]
	s.want("one address", g.bounds(s.p).perMinute, 60)
	s.p.Resolved(s.now, "a.test", Route{Targets: []Target{mx1, mx2}})
	s.want("two", g.bounds(s.p).perMinute, 120)
}

// A connection without work is not kept for ever, though no limit ends it.
func TestIdleTimeWithoutLimit(t *testing.T) {
	s := &script{T: t, p: New(Options{}), now: epoch}
	c := s.connect("a.test")
	s.done(c, s.pull(c))
	s.pull(c)
	s.want("kept", len(s.step(4*time.Minute).Close), 0)
	s.want("closed", len(s.step(time.Minute).Close), 1)
}

// Mail of a class that has no connection gets one, though another class would use all that a limit allows for ever.
func TestClassesShareALimit(t *testing.T) {
	s := newScript(t, settings.Limits{Domain: settings.Counts{Connections: 1}})
	c := s.connect("a.test")
	s.p.Add(s.now, Item{ID: 100, Site: "a.test", Pool: s.pools.Of(src1), Class: Class{Security: "verify"}})
	for range 3 {
		s.add("a.test")
	}
	s.step(0)
	s.done(c, s.pull(c))
	s.step(3 * time.Second)
	s.want("it ends", s.pull(c), 0)
	s.p.Closed(s.now, c)
	s.step(0)
	s.want("for the other", s.todo.Dial[0].Class.Security, "verify")
}
