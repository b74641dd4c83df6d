package schedule

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"posthoorn/internal/settings"
)

var errRefused = errors.New("refused")

func (s *script) want(what string, got, want any) {
	s.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		s.Errorf("%s: %v, want %v", what, got, want)
	}
}

func (s *script) pull(c ConnID) uint64 {
	it, ok := s.p.Pull(s.now, c)
	if !ok {
		return 0
	}
	return it.ID
}

func (s *script) nextOf(c ConnID) uint64 {
	it, ok := s.p.Next(s.now, c)
	if !ok {
		return 0
	}
	return it.ID
}

func (s *script) done(c ConnID, id uint64) { s.p.Done(s.now, c, id, Outcome{Delivered: true}) }

// open lets the first dial of the last Todo succeed.
func (s *script) open() ConnID {
	s.Helper()
	if len(s.todo.Dial) == 0 {
		s.Fatal("no dial")
	}
	d := s.todo.Dial[0]
	s.p.Opened(s.now, d.Conn, Opening{Addr: d.Targets[0].Addr})
	return d.Conn
}

func (s *script) refuse(scope Scope) {
	s.Helper()
	if len(s.todo.Dial) == 0 {
		s.Fatal("no dial")
	}
	s.p.DialFailed(s.now, s.todo.Dial[0].Conn, DialFailure{Scope: scope, Err: errRefused})
	s.step(0)
}

func TestNextAndBack(t *testing.T) {
	s := newScript(t, settings.Limits{Domain: settings.Counts{Connections: 1}})
	c := s.connect("a.test")
	for range 4 {
		s.add("a.test")
	}
	s.want("first", s.pull(c), 1)
	s.want("offered", s.nextOf(c), 2)
	s.want("a third", s.nextOf(c), 0)
	s.done(c, 1)
	s.want("offered while 2 is in hand", s.nextOf(c), 3)
	s.p.Back(s.now, c, 3)
	s.done(c, 2)
	s.want("3 is in front again", s.pull(c), 3)
	s.want("offered", s.nextOf(c), 4)
	s.p.Closed(s.now, c) // with both in hand
	s.want("in hand", s.p.Totals().InHand, 0)
	s.step(0)
	c = s.open()
	s.want("order after the connection broke", []uint64{s.pull(c), s.nextOf(c)}, []uint64{3, 4})
	s.done(c, 3)
	s.done(c, 3) // twice does nothing
	s.done(c, 4)
	s.want("last", s.pull(c), 5)
}

// What comes back goes to the next connection at once, what is withdrawn to none.
func TestWithdraw(t *testing.T) {
	s := newScript(t, settings.Limits{Domain: settings.Counts{Messages: 60_000}})
	list := s.idleConns(2)
	s.add("a.test")
	h := s.step(time.Second).Hand
	s.want("handed out", len(h), 1)
	other := list[0]
	if h[0].Conn == other {
		other = list[1]
	}
	s.p.Back(s.now, h[0].Conn, h[0].Item.ID)
	s.want("the other gets it", s.step(0).Hand[0].Conn, other)
	s.pull(h[0].Conn)
	s.want("not in its hand", s.p.Withdraw(s.now, h[0].Conn, h[0].Item.ID), false)
	s.want("withdrawn", s.p.Withdraw(s.now, other, h[0].Item.ID), true)
	s.want("nobody gets it", len(s.step(0).Hand), 0)
	s.want("items", len(s.p.items), 0)
	s.want("waiting", s.p.Totals().Waiting, 0)
	s.want("in hand", s.p.Totals().InHand, 0)
	s.add("a.test")
	h = s.step(time.Second).Hand
	s.p.Stop(s.now)
	s.want("withdrawn after a stop", s.p.Withdraw(s.now, h[0].Conn, h[0].Item.ID), false)
	s.want("parked", s.step(0).Park[0].Reason, Stopping)
}

func TestNextLeavesWorkToIdleConnections(t *testing.T) {
	s := newScript(t, settings.Limits{Domain: settings.Counts{Messages: 60}})
	c := s.connect("a.test")
	s.add("a.test")
	s.want("pull", s.pull(c), 1)
	s.want("over the rate", s.nextOf(c), 0)
	s.done(c, 1)
	s.want("pull over the rate", s.pull(c), 0)
	s.step(900 * time.Millisecond)
	s.want("too early", len(s.todo.Hand), 0)
	s.step(100 * time.Millisecond)
	s.want("handed when the rate allows", len(s.todo.Hand), 1)
}

func TestMessagesPerConnection(t *testing.T) {
	s := newScript(t, settings.Limits{Domain: settings.Counts{Connections: 1}, ConnMessages: 2})
	c := s.connect("a.test")
	s.add("a.test")
	s.add("a.test")
	s.want("pull", s.pull(c), 1)
	s.want("next", s.nextOf(c), 2)
	s.done(c, 1)
	s.want("a third", s.nextOf(c), 0)
	s.done(c, 2)
	s.want("worn", s.pull(c), 0)
	s.want("close", s.step(0).Close, []ConnID{c})
	s.want("no other before it has ended", len(s.todo.Dial), 0)
	s.p.Closed(s.now, c)
	s.want("the next connection", len(s.step(0).Dial), 1)
}

func TestBytesPerConnection(t *testing.T) {
	s := newScript(t, settings.Limits{Domain: settings.Counts{Connections: 1}, ConnBytes: 1000})
	c := s.connect("a.test")
	s.add("a.test")
	s.want("pull", s.pull(c), 1)
	s.p.Done(s.now, c, 1, Outcome{Bytes: 1000})
	s.want("worn", s.pull(c), 0)
}

func TestBytesPerMinute(t *testing.T) {
	s := newScript(t, settings.Limits{Domain: settings.Counts{Connections: 1, Bytes: 6000}})
	c := s.connect("a.test")
	s.add("a.test")
	s.want("pull", s.pull(c), 1)
	s.p.Done(s.now, c, 1, Outcome{Bytes: 150})
	s.want("150 bytes take 1.5 s", s.pull(c), 0)
	s.want("not yet", len(s.step(1400*time.Millisecond).Hand), 0)
	s.want("now", len(s.step(100*time.Millisecond).Hand), 1)
}

func TestSessionLimitIsLearned(t *testing.T) {
	s := newScript(t, settings.Limits{Domain: settings.Counts{Connections: 1}})
	c := s.connect("a.test")
	s.add("a.test")
	s.add("a.test")
	s.want("pull", s.pull(c), 1)
	s.want("next", s.nextOf(c), 2)
	s.done(c, 1)
	s.p.Learn(s.now, c, 1)
	s.p.Back(s.now, c, 2)
	s.p.Closed(s.now, c)
	s.step(0)
	c = s.open()
	s.want("pull", s.pull(c), 2)
	s.want("the peer takes one", s.nextOf(c), 0)
	s.done(c, 2)
	s.want("worn", s.pull(c), 0)
}

func TestClassesDoNotMix(t *testing.T) {
	s := newScript(t, settings.Limits{})
	c := s.connect("a.test")
	s.p.Add(s.now, Item{ID: 100, Site: "a.test", Pool: s.pools.Of(src1), Class: Class{Security: "verify"}})
	s.want("pull", s.pull(c), 1)
	s.want("next", s.nextOf(c), 0)
	s.done(c, 1)
	s.want("pull", s.pull(c), 0)
	todo := s.step(0)
	if len(todo.Hand) != 0 || len(todo.Dial) != 1 || todo.Dial[0].Class.Security != "verify" {
		t.Errorf("%+v", todo)
	}
	s.refuse(ScopeClass)
	if len(s.todo.Fail) != 1 || s.todo.Fail[0].ID != 100 {
		t.Errorf("%+v", s.todo)
	}
	s.add("a.test")
	s.want("the other class goes on", len(s.step(0).Hand), 1)
	v := s.p.Add(s.now, Item{ID: 101, Site: "a.test", Pool: s.pools.Of(src1), Class: Class{Security: "verify"}})
	s.want("verdict", v.Kind, Offline)
}

func TestPoolTakesAnotherAddress(t *testing.T) {
	s := newScript(t, settings.Limits{})
	s.add("a.test", src1, src2)
	s.step(0)
	s.resolve("a.test")
	first := s.step(0).Dial[0].Source
	s.refuse(ScopeSite)
	s.want("failed", len(s.todo.Fail), 0)
	if len(s.todo.Dial) != 1 || s.todo.Dial[0].Source == first {
		t.Fatalf("%+v", s.todo)
	}
	s.refuse(ScopeSite)
	s.want("failed from both", len(s.todo.Fail), 1)
	s.want("verdict", s.add("a.test", src1, src2).Kind, Offline)
}

func TestBadSource(t *testing.T) {
	s := newScript(t, settings.Limits{})
	s.add("a.test")
	s.add("b.test")
	s.step(0)
	s.resolve("a.test")
	s.step(0)
	s.refuse(ScopeSource)
	s.want("failed", len(s.todo.Fail), 1)
	s.resolve("b.test")
	s.step(0)
	s.want("failed elsewhere", len(s.todo.Fail), 1)
	s.want("dials", len(s.todo.Dial), 0)
	s.step(61 * time.Second)
	s.add("a.test")
	s.want("tried again", len(s.step(0).Dial), 1)
}

func TestManyAddressesAreNotAllTried(t *testing.T) {
	s := newScript(t, settings.Limits{})
	var sources []netip.Addr
	for i := range 100 {
		sources = append(sources, netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}))
	}
	s.add("a.test", sources...)
	s.step(0)
	s.resolve("a.test")
	s.step(0)
	dials := 0
	for len(s.todo.Dial) > 0 {
		dials++
		s.refuse(ScopeSite)
	}
	s.want("dials", dials, enoughTried)
	s.want("failed", len(s.todo.Fail), 1)
}

func TestFamilies(t *testing.T) {
	six := netip.MustParseAddr("2001:db8::1")
	s := newScript(t, settings.Limits{})
	s.add("a.test", six)
	s.step(0)
	s.resolve("a.test") // IPv4 only
	s.step(0)
	if len(s.todo.Fail) != 1 || s.todo.Fail[0].Err != ErrNoFamily {
		t.Errorf("%+v", s.todo)
	}
	s.want("no address at all", s.p.Add(s.now, Item{ID: 50, Site: "a.test", Pool: s.pools.Of()}).Err, ErrNoFamily)
	s.add("a.test", six, src1)
	s.want("source", s.step(0).Dial[0].Source, src1)
	s.add("b.test", six, src1)
	s.step(0)
	s.p.Resolved(s.now, "b.test", Route{Targets: []Target{target("198.51.100.9"), target("2001:db8::9")}})
	for _, d := range s.step(0).Dial {
		if d.Targets[0].Addr.Is4() != d.Source.Is4() || len(d.Targets) != 1 {
			t.Errorf("%+v", d)
		}
	}
}

func TestUnreachableTargetsGoLast(t *testing.T) {
	s := newScript(t, settings.Limits{})
	s.add("a.test")
	s.step(0)
	one, two := target("198.51.100.1"), target("198.51.100.2")
	s.p.Resolved(s.now, "a.test", Route{Targets: []Target{one, two}})
	d := s.step(0).Dial[0]
	s.want("targets", d.Targets, []Target{one})
	s.refuse(ScopeSite)
	s.want("failed", len(s.todo.Fail), 0)
	s.want("the next", s.todo.Dial[0].Targets, []Target{two})
	s.pull(s.open())
	s.add("a.test")
	s.want("not the bad one", s.step(0).Dial[0].Targets, []Target{two})
	s.pull(s.open())
	s.add("a.test")
	s.want("nor later", s.step(time.Minute).Dial[0].Targets, []Target{two})
	s.pull(s.open())
	s.add("a.test")
	s.want("until its time is over", s.step(time.Minute).Dial[0].Targets, []Target{one})
}

func TestPerAddressLimits(t *testing.T) {
	s := newScript(t, settings.Limits{Remote: settings.Counts{Connections: 1}})
	one, two := target("198.51.100.1"), target("198.51.100.2")
	for range 3 {
		s.add("a.test")
	}
	s.step(0)
	s.p.Resolved(s.now, "a.test", Route{Targets: []Target{one, two}})
	var got []netip.Addr
	for range 3 {
		if s.step(0); len(s.todo.Dial) == 0 {
			break
		}
		got = append(got, s.todo.Dial[0].Targets[0].Addr)
		s.want("targets", len(s.todo.Dial[0].Targets), 1)
		s.pull(s.open())
	}
	s.want("addresses", got, []netip.Addr{one.Addr, two.Addr})
}

func TestReceiverWantsNoMoreConnections(t *testing.T) {
	s := newScript(t, settings.Limits{})
	c := s.connect("a.test")
	s.want("pull", s.pull(c), 1)
	s.add("a.test")
	s.step(0)
	s.refuse(ScopeSite)
	s.want("failed", len(s.todo.Fail), 0)
	s.add("a.test")
	s.want("dials while it pauses", len(s.step(time.Second).Dial), 0)
	s.done(c, 1)
	s.want("the open one goes on", s.pull(c), 2)
	s.want("dials after", len(s.step(10*time.Second).Dial), 1)
}

func TestStrangeEndsTakeItOffline(t *testing.T) {
	s := newScript(t, settings.Limits{Domain: settings.Counts{Connections: 1}})
	c := s.connect("a.test")
	for range strikeOut {
		s.add("a.test")
	}
	for i := range strikeOut {
		id := uint64(i + 1)
		s.want("pull", s.pull(c), id)
		s.p.Done(s.now, c, id, Outcome{Strange: true, Err: errRefused})
	}
	s.want("pull", s.pull(c), 0)
	s.want("closed and failed", []int{len(s.step(0).Close), len(s.todo.Fail)}, []int{1, 1})
	s.p.Closed(s.now, c)
	s.want("verdict", s.add("a.test").Err, errRefused)
}

func TestLookups(t *testing.T) {
	s := newScript(t, settings.Limits{})
	for range unmeasuredRoom + 4 {
		s.add("a.test")
	}
	s.want("waiting", s.p.Totals().Waiting, unmeasuredRoom)
	s.want("lookups", s.step(0).Lookup, []string{"a.test"})
	s.want("lookups", len(s.step(time.Second).Lookup), 0)
	s.step(4 * time.Second)
	s.want("parked", len(s.todo.Park), unmeasuredRoom)
	s.want("why", s.todo.Park[0].Reason, Lookup)
	s.want("verdict", s.add("a.test").Reason, Lookup)
	pool := s.pools.Of(src1)
	s.p.Backlog(s.now, "a.test", pool, 21)
	s.want("refill before the answer", len(s.step(0).Refill), 0)
	s.resolve("a.test")
	todo := s.step(0)
	if len(todo.Refill) != 1 || todo.Refill[0] != (Refill{"a.test", pool, unmeasuredRoom}) {
		t.Errorf("%+v", todo)
	}
	gone := errors.New("no such domain")
	s.add("b.test")
	s.step(0)
	s.p.ResolveFailed(s.now, "b.test", gone, s.now.Add(time.Minute), false)
	s.want("failed", s.step(0).Fail, []Failed{{Err: gone, ID: s.next}})
	s.want("verdict", s.add("b.test").Err, gone)
	s.step(time.Minute)
	s.want("verdict", s.add("b.test").Kind, Queued)
	s.want("lookups", s.step(0).Lookup, []string{"b.test"})
}

func TestLookupsAreBounded(t *testing.T) {
	s := newScript(t, settings.Limits{})
	s.p.options.Lookups = 3
	for i := range 10 {
		s.add(fmt.Sprintf("d%d.test", i))
	}
	s.want("lookups", len(s.step(0).Lookup), 3)
	s.want("more", len(s.step(0).Lookup), 0)
	s.resolve("d1.test")
	s.want("one more", s.step(0).Lookup, []string{"d3.test"})
	s.step(6 * time.Second)
	s.want("parked", len(s.todo.Park), 9)
	s.p.ResolveFailed(s.now, "d0.test", errRefused, s.now, true)
	s.want("nobody waits for the others any more", len(s.step(0).Lookup), 0)
}

func TestRouteIsRenewed(t *testing.T) {
	s := newScript(t, settings.Limits{})
	c := s.connect("a.test")
	s.done(c, s.pull(c))
	s.pull(c)
	s.step(61 * time.Minute)
	s.p.Closed(s.now, c)
	s.connect2("a.test")
	s.step(61 * time.Minute)
	s.add("a.test")
	todo := s.step(0)
	s.want("lookups", todo.Lookup, []string{"a.test"})
	s.p.ResolveFailed(s.now, "a.test", errRefused, s.now.Add(time.Minute), true)
	s.want("the old route is good for a while", len(s.step(0).Fail), 0)
}

// connect2 is connect for a site that may be known.
func (s *script) connect2(site string) {
	s.add(site)
	if len(s.step(0).Lookup) > 0 {
		s.resolve(site)
		s.step(0)
	}
	c := s.open()
	s.pull(c)
}

func TestSitesOfOneGroupShare(t *testing.T) {
	s := newScript(t, settings.Limits{Domain: settings.Counts{Connections: 1}})
	s.add("a.test")
	s.add("b.test")
	s.step(0)
	for _, site := range []string{"a.test", "b.test"} {
		s.p.Resolved(s.now, site, Route{Group: "mx.host", Targets: []Target{target("198.51.100.1")}})
	}
	s.want("dials", len(s.step(0).Dial), 1)
	c := s.open()
	s.want("both over one", []uint64{s.pull(c), s.nextOf(c)}, []uint64{1, 2})
	x, _ := s.p.Explain(s.now, "b.test")
	s.want("group", []any{x.Group, x.InHand, x.Items, x.Lanes[0].Connections}, []any{"mx.host", 2, 1, 1})
}

func TestMemoryBound(t *testing.T) {
	s := newScript(t, settings.Limits{Memory: 3})
	c := s.connect("a.test")
	s.want("pull", s.pull(c), 1)
	var kinds []Kind
	for range 5 {
		kinds = append(kinds, s.add("a.test").Kind)
	}
	s.want("verdicts", kinds, []Kind{Queued, Queued, Queued, Park, Park})
}

func TestBehindAndRefill(t *testing.T) {
	s := newScript(t, settings.Limits{Domain: settings.Counts{Connections: 1}})
	c := s.connect("a.test")
	pool := s.pools.Of(src1)
	var last Verdict
	for range unmeasuredRoom {
		last = s.add("a.test")
	}
	s.want("full", last.Reason, NoRoom)
	s.p.Backlog(s.now, "a.test", pool, 100)
	s.want("fresh mail", s.add("a.test").Reason, Behind)
	s.want("mail of other addresses", s.add("a.test", src2).Kind, Park)
	var refill []Refill
	sent := 0
	for len(refill) == 0 && sent < unmeasuredRoom {
		s.now = s.now.Add(500 * time.Millisecond)
		id := s.pull(c)
		sent++
		s.now = s.now.Add(500 * time.Millisecond)
		s.done(c, id)
		refill = s.step(0).Refill
	}
	s.want("half empty", sent >= unmeasuredRoom/2-1, true)
	s.want("refills", len(refill), 1)
	s.want("no second", len(s.step(0).Refill), 0)
	n := refill[0].N
	for range n {
		s.next++
		v := s.p.Add(s.now, Item{ID: s.next, Site: "a.test", Pool: pool, Waited: true})
		s.want("what was asked for", v.Kind, Queued)
	}
	s.p.Refilled(s.now, "a.test", pool, 0, false)
	s.want("reserved", s.p.groups["a.test"].reserved, 0)
	if v := s.add("a.test"); v.Reason == Behind {
		t.Error("nothing waits any more")
	}
}

// The mail that waits of a dead site gets its results, too.
func TestBacklogOfADeadSite(t *testing.T) {
	s := newScript(t, settings.Limits{})
	s.add("a.test")
	s.step(0)
	s.resolve("a.test")
	s.step(0)
	s.refuse(ScopeSite)
	pool := s.pools.Of(src1)
	s.p.Backlog(s.now, "a.test", pool, 1000)
	s.want("refill", s.step(0).Refill, []Refill{{"a.test", pool, failBatch}})
	v := s.p.Add(s.now, Item{ID: 99, Site: "a.test", Pool: pool, Waited: true})
	s.want("verdict", v.Err, errRefused)
	s.p.Backlog(s.now, "a.test", pool, 999)
	s.want("not before the answer", len(s.step(0).Refill), 0)
	s.p.Refilled(s.now, "a.test", pool, 999, false)
	s.want("and so on", len(s.step(0).Refill), 1)
}

func TestRateParks(t *testing.T) {
	s := newScript(t, settings.Limits{Domain: settings.Counts{Messages: 1}})
	c := s.connect("a.test")
	start := s.now
	s.want("pull", s.pull(c), 1)
	s.done(c, 1)
	s.pull(c)
	s.add("a.test")
	s.step(2 * time.Second)
	if len(s.todo.Park) != 1 || s.todo.Park[0].Reason != Rate {
		t.Fatalf("%+v", s.todo)
	}
	if ends := s.todo.Park[0].Ends.Sub(start); ends < 59*time.Second || ends > time.Minute || s.todo.Park[0].Until != s.now {
		t.Errorf("%+v ends after %v", s.todo.Park[0], ends)
	}
	v := s.add("a.test")
	s.want("fresh", []any{v.Kind, v.Reason}, []any{Park, Rate})
}

func TestConnectionLimits(t *testing.T) {
	s := newScript(t, settings.Limits{Domain: settings.Counts{Starting: 2}, MinMessages: 2})
	for range 10 {
		s.add("a.test")
	}
	s.step(0)
	s.resolve("a.test")
	s.want("an unproven site gets one", len(s.step(0).Dial), 1)
	c := s.open()
	s.want("pull", s.pull(c), 1)
	s.want("dials before the second message", len(s.step(0).Dial), 0)
	s.want("next", s.nextOf(c), 2)
	s.want("dials after", len(s.step(0).Dial), 1)
}

func TestIdleLimit(t *testing.T) {
	s := newScript(t, settings.Limits{Domain: settings.Counts{Idle: 1}, IdleTime: time.Minute})
	a := s.connect("a.test")
	s.want("pull", s.pull(a), 1)
	s.add("a.test")
	s.step(0)
	b := s.open()
	s.want("pull", s.pull(b), 2)
	s.done(a, 1)
	s.pull(a)
	s.want("close", len(s.step(0).Close), 0)
	s.done(b, 2)
	s.pull(b)
	s.want("close", s.step(0).Close, []ConnID{a})
	s.want("close", len(s.step(59*time.Second).Close), 0)
	s.want("close", s.step(time.Second).Close, []ConnID{b})
}

func TestIdleConnectionMakesRoom(t *testing.T) {
	s := newScript(t, settings.Limits{IdleTime: time.Hour})
	s.p.Use(s.now, fixed{total: 1, all: settings.Limits{IdleTime: time.Hour}})
	a := s.connect("a.test")
	s.done(a, s.pull(a))
	s.pull(a)
	s.add("b.test")
	s.step(0)
	s.resolve("b.test")
	s.want("close", s.step(0).Close, []ConnID{a})
	s.p.Closed(s.now, a)
	todo := s.step(0)
	if len(todo.Dial) != 1 || todo.Dial[0].Site != "b.test" {
		t.Errorf("%+v", todo)
	}
}

func TestHandToADeadConnection(t *testing.T) {
	s := newScript(t, settings.Limits{})
	c := s.connect("a.test")
	s.done(c, s.pull(c))
	s.pull(c)
	s.add("a.test") // handed in the next Todo, but the peer hangs up before
	s.p.Closed(s.now, c)
	todo := s.step(0)
	s.want("hands", len(todo.Hand), 0)
	s.want("dials", len(todo.Dial), 1)
}

func TestStop(t *testing.T) {
	s := newScript(t, settings.Limits{})
	c := s.connect("a.test")
	for range 3 {
		s.add("a.test")
	}
	s.add("b.test")
	s.want("pull", s.pull(c), 1)
	s.want("next", s.nextOf(c), 2)
	s.p.Stop(s.now)
	var parked []uint64
	for _, k := range s.step(0).Park {
		s.want("why", k.Reason, Stopping)
		parked = append(parked, k.ID)
	}
	s.want("parked", parked, []uint64{3, 4, 5})
	s.want("add", s.add("a.test").Reason, Stopping)
	s.done(c, 1)
	s.want("next", s.nextOf(c), 0)
	s.p.Back(s.now, c, 2)
	s.want("pull", s.pull(c), 0)
	todo := s.step(0)
	s.want("close and park", []any{todo.Close, todo.Park[0].ID}, []any{[]ConnID{c}, 2})
	s.p.Closed(s.now, c)
	if n := s.p.Totals(); n.Waiting+n.InHand+n.Connections != 0 {
		t.Errorf("%+v", n)
	}
}

// What the caller says of things that have ended is ignored.
func TestStaleCalls(t *testing.T) {
	s := newScript(t, settings.Limits{})
	c := s.connect("a.test")
	s.p.Closed(s.now, c)
	s.step(0)
	other := s.open()
	s.want("same id", c == other, false)
	s.p.Closed(s.now, c)
	s.p.DialFailed(s.now, c, DialFailure{})
	s.p.DialFailed(s.now, other, DialFailure{}) // is open
	s.p.Opened(s.now, other, Opening{})
	s.p.Done(s.now, c, 1, Outcome{})
	s.p.Back(s.now, c, 1)
	s.p.Learn(s.now, c, 1)
	s.p.Closed(s.now, ConnID(1<<60+77))
	s.p.Resolved(s.now, "unasked.test", Route{Targets: []Target{target("198.51.100.3")}})
	s.p.ResolveFailed(s.now, "unasked2.test", errRefused, s.now, false)
	s.want("lookups", s.p.Totals().Lookups, 0)
	s.want("remove", s.p.Remove(s.now, 999), false)
	s.want("pull", s.pull(other), 1)
	s.want("remove in hand", s.p.Remove(s.now, 1), false)
}

func TestPriority(t *testing.T) {
	s := newScript(t, settings.Limits{Domain: settings.Counts{Connections: 1}})
	c := s.connect("a.test")
	for i, priority := range []uint8{0, 5, 5, 255} {
		s.p.Add(s.now, Item{ID: uint64(10 + i), Site: "a.test", Pool: s.pools.Of(src1), Priority: priority})
	}
	var got []uint64
	for range 5 {
		id := s.pull(c)
		got = append(got, id)
		s.done(c, id)
	}
	s.want("order", got, []uint64{13, 11, 12, 1, 10})
}

func TestChangedLanes(t *testing.T) {
	s := newScript(t, settings.Limits{})
	s.p.Changed(s.now)
	s.want("nothing", len(s.p.Changed(s.now)), 0)
	c := s.connect("a.test")
	s.pull(c)
	s.connect("b.test")
	s.p.Changed(s.now)
	s.done(c, 1)
	list := s.p.Changed(s.now)
	if len(list) != 1 || list[0].Group != "a.test" || list[0].Connections != 1 || list[0].Sent != 1 {
		t.Errorf("%+v", list)
	}
}

func TestPools(t *testing.T) {
	var ps Pools
	if ps.Of(src1, src2) != ps.Of(src2, src1, src2) || ps.Of(src1) == ps.Of(src2) || ps.Of() != ps.Of() {
		t.Error("not interned")
	}
	if !slices.Equal(ps.Of(src2, src1).Addrs(), []netip.Addr{src1, src2}) {
		t.Error("not sorted")
	}
}

// A slot given back late must not let two others come close together.
func TestRateGivenBackLate(t *testing.T) {
	s := newScript(t, settings.Limits{Domain: settings.Counts{Messages: 60}})
	a := s.connect("a.test")
	s.add("a.test")
	s.step(0)
	b := s.open()
	s.want("pull", s.pull(a), 1)
	s.step(time.Second)
	s.want("pull", s.pull(b), 2)
	s.step(500 * time.Millisecond)
	s.p.Back(s.now, a, 1)
	s.want("half a second after the last", s.pull(a), 0)
	s.want("nothing", len(s.step(0).Hand), 0)
	s.want("handed", len(s.step(500*time.Millisecond).Hand), 1)
}

func TestIdleConnectionWaitsForTheRate(t *testing.T) {
	s := newScript(t, settings.Limits{Domain: settings.Counts{Messages: 60}})
	c := s.connect("a.test")
	s.done(c, s.pull(c))
	s.pull(c)
	s.step(100 * time.Millisecond)
	s.add("a.test")
	todo := s.step(0)
	s.want("handed", len(todo.Hand), 0)
	if todo.Wake.Sub(s.now) > 900*time.Millisecond {
		t.Errorf("wakes after %v", todo.Wake.Sub(s.now))
	}
	s.want("handed", len(s.step(900*time.Millisecond).Hand), 1)
}

func TestFutileRefillsWait(t *testing.T) {
	s := newScript(t, settings.Limits{Domain: settings.Counts{Connections: 1}})
	s.connect("a.test")
	pool := s.pools.Of(src1)
	s.p.Backlog(s.now, "a.test", pool, 10)
	s.want("refill", len(s.step(0).Refill), 1)
	s.p.Refilled(s.now, "a.test", pool, 10, false) // nothing could be read
	s.want("again at once", len(s.step(0).Refill), 0)
	s.p.Backlog(s.now, "a.test", pool, 11)
	s.want("again for one more", len(s.step(0).Refill), 0)
	s.want("later", len(s.step(2*time.Second).Refill), 1)
}

// A Refill is not futile when its mail went on, though not from the addresses that were asked for.
func TestRefillsThatMovedOn(t *testing.T) {
	for name, answer := range map[string]func(s *script, pool *Pool){
		"settled or filed elsewhere": func(s *script, pool *Pool) {
			s.p.Refilled(s.now, "a.test", pool, 10, true)
		},
		"added for other addresses": func(s *script, pool *Pool) {
			v := s.p.Add(s.now, Item{ID: 99, Site: "a.test", Pool: s.pools.Of(src2), Waited: true, Fed: pool})
			s.want("verdict", v.Kind, Queued)
			s.want("reserved", s.p.groups["a.test"].reserved, 9)
			s.p.Refilled(s.now, "a.test", pool, 10, false)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, settings.Limits{Domain: settings.Counts{Connections: 1}})
			s.connect("a.test")
			pool := s.pools.Of(src1)
			s.p.Backlog(s.now, "a.test", pool, 10)
			s.want("refill", len(s.step(0).Refill), 1)
			answer(s, pool)
			s.want("again at once", len(s.step(0).Refill), 1)
		})
	}
}

// Lifting the bound on all connections lets those go who had none.
func TestMoreConnections(t *testing.T) {
	for name, lift := range map[string]func(*script){
		"Use":   func(s *script) { s.p.Use(s.now, fixed{}) },
		"Allow": func(s *script) { s.p.Allow(2) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, settings.Limits{})
			s.p.Use(s.now, fixed{total: 1})
			s.want("pull", s.pull(s.connect("a.test")), 1)
			s.add("b.test")
			s.step(0)
			s.resolve("b.test")
			s.want("dials", len(s.step(0).Dial), 0)
			s.want("needy", s.p.Totals().Needy, 1)
			lift(s)
			s.want("dials", len(s.step(0).Dial), 1)
			s.want("needy", s.p.Totals().Needy, 0)
		})
	}
}

// Mail of another source, or of another class, for the same slow receiver is not starved by the connections that its group has:
// it has none.
func TestSecondStreamOfASlowReceiver(t *testing.T) {
	for name, other := range map[string]Item{
		"source": {ID: 99, Site: "a.test", Pool: new(Pools).Of(src2)},
		"class":  {ID: 99, Site: "a.test", Class: Class{Security: "verify"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, settings.Limits{})
			s.idleConns(2)
			s.p.Use(s.now, fixed{all: settings.Limits{IdleTime: time.Hour}, total: 2})
			if other.Pool == nil {
				other.Pool = s.pools.Of(src1)
			}
			for range 10 { // six seconds each
				s.add("a.test")
				s.add("a.test")
				hands := slices.Clone(s.step(0).Hand)
				s.step(6 * time.Second)
				for _, h := range hands {
					s.done(h.Conn, h.Item.ID)
					s.pull(h.Conn)
				}
			}
			for range 3 {
				s.add("a.test")
			}
			busy := slices.Clone(s.step(0).Hand)
			s.want("both are at work", len(busy), 2)
			s.want("queued", s.p.Add(s.now, other).Kind, Queued)
			s.step(0)
			s.want("it has none", s.p.Totals().Needy, 1)
			s.step(6 * time.Second)
			for _, h := range busy {
				s.done(h.Conn, h.Item.ID)
				s.pull(h.Conn)
			}
			if len(s.step(0).Close) != 1 {
				t.Fatal("none ends for it")
			}
			s.p.Closed(s.now, s.todo.Close[0])
			s.want("one is dialed", len(s.step(0).Dial), 1)
			s.want("it goes out", s.pull(s.open()), 99)
		})
	}
}

// A fifo that was long once gives its memory back; a short one keeps it.
func TestFifoGivesBack(t *testing.T) {
	for n, kept := range map[int]bool{10: true, 100_000: false} {
		var f fifo[int]
		for i := range n {
			f.push(i)
		}
		for i := range n {
			if got := f.pop(); got != i {
				t.Fatalf("%d, want %d", got, i)
			}
		}
		if c := cap(f.items); (c > 0) != kept {
			t.Errorf("after %d: room for %d", n, c)
		}
	}
}

// What mail was held up for counts under the limits of then only, also when a dial is refused under the new ones.
func TestHeldUnderOldLimits(t *testing.T) {
	s := newScript(t, settings.Limits{Domain: settings.Counts{Messages: 1}})
	c := s.connect("a.test")
	s.done(c, s.pull(c))
	s.pull(c)
	s.add("a.test")
	s.want("parked", s.step(time.Second).Park[0].Reason, Rate)
	s.add("b.test") // another takes the only connection that the new limits allow
	s.use(settings.Limits{Domain: settings.Counts{Connections: 1}})
	s.p.Retire(s.now, func(netip.Addr) bool { return true })
	s.step(0)
	s.add("a.test")
	s.step(0)
	v := s.add("a.test")
	s.want("taken", []any{v.Kind, v.Reason}, []any{Queued, NoReason})
}

// A route is used beyond its time while the DNS fails, but not for ever.
func TestStaleRouteEnds(t *testing.T) {
	s := newScript(t, settings.Limits{})
	c := s.connect("a.test")
	s.done(c, s.pull(c))
	s.pull(c)
	failed := 0
	for range 40 { // at five-minute intervals, from one hour on
		s.step(5 * time.Minute)
		for _, id := range s.todo.Close {
			s.p.Closed(s.now, id)
		}
		if s.add("a.test").Kind == Offline {
			failed++
		}
		for _, name := range s.step(0).Lookup {
			s.p.ResolveFailed(s.now, name, errRefused, s.now.Add(10*time.Minute), true)
		}
		for _, d := range s.step(0).Dial {
			s.p.Opened(s.now, d.Conn, Opening{})
			s.done(d.Conn, s.pull(d.Conn))
			s.pull(d.Conn)
		}
	}
	if failed < 5 || failed > 20 {
		t.Errorf("%d of 40 failed", failed)
	}
}

// What was tried and refused is told, rather than that another address could not be tried.
func TestRefusalSaysMoreThanFamily(t *testing.T) {
	s := newScript(t, settings.Limits{})
	s.add("a.test", src1, netip.MustParseAddr("2001:db8::1"))
	s.step(0)
	s.resolve("a.test") // IPv4 only
	s.step(0)
	s.refuse(ScopeSite)
	s.want("failed", s.todo.Fail, []Failed{{ID: 1, Err: errRefused, Source: src1}})
}
