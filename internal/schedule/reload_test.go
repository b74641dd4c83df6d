package schedule

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"posthoorn/internal/settings"
)

func (s *script) use(l settings.Limits) { s.p.Use(s.now, fixed{all: l}) }

// idleConns brings a site to so many idle connections, all to its first address unless it is full.
func (s *script) idleConns(n int) []ConnID {
	s.Helper()
	var list []ConnID
	for i := range n {
		s.add("a.test")
		if i == 0 {
			s.step(0)
			s.p.Resolved(s.now, "a.test", Route{Targets: []Target{mx1, mx2}})
		}
		s.step(0)
		c := s.open()
		s.pull(c)
		list = append(list, c)
	}
	for _, c := range list {
		s.done(c, s.p.conns.get(c).hand[0].item.ID)
		s.pull(c)
	}
	s.step(0)
	return list
}

func TestLowerLimitsReachOpenConnections(t *testing.T) {
	for name, l := range map[string]settings.Limits{
		"connections":             {Domain: settings.Counts{Connections: 1}},
		"connections of address":  {Remote: settings.Counts{Connections: 1}},
		"idle":                    {Domain: settings.Counts{Idle: 1}},
		"idle of address":         {Remote: settings.Counts{Idle: 1}},
		"messages per connection": {ConnMessages: 1},
		"time idle":               {IdleTime: time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, settings.Limits{IdleTime: time.Hour})
			list := s.idleConns(3)
			s.want("all open", s.p.Totals().Idle, 3)
			s.step(time.Second)
			s.use(l)
			want := list[:2]
			if l.Domain == l.Remote {
				want = list
			}
			s.want("closed", s.step(0).Close, want)
		})
	}
}

// A connection at work ends after its message when there are too many; what it might have taken ahead is not given.
func TestLowerLimitRetiresWorkers(t *testing.T) {
	s := newScript(t, settings.Limits{})
	a := s.connect("a.test")
	s.pull(a)
	s.add("a.test")
	s.step(0)
	b := s.open()
	s.pull(b)
	s.add("a.test")
	s.use(settings.Limits{Domain: settings.Counts{Connections: 1}})
	s.step(0)
	s.want("ahead", s.nextOf(a), 0)
	s.done(a, 1)
	s.want("the first ends", s.pull(a), 0)
	s.want("close", s.step(0).Close, []ConnID{a})
	s.done(b, 2)
	s.want("the second goes on", s.pull(b), 3)
}

// What is booked ahead counts at the new rate.
func TestRateChanges(t *testing.T) {
	for name, c := range map[string]struct {
		from, to settings.Limits
		wait     time.Duration // after one message, and one second
	}{
		"raised":                {settings.Limits{Domain: settings.Counts{Messages: 1}}, settings.Limits{Domain: settings.Counts{Messages: 60}}, time.Second * 59 / 60},
		"removed":               {settings.Limits{Domain: settings.Counts{Messages: 1}}, settings.Limits{}, 0},
		"lowered":               {settings.Limits{Domain: settings.Counts{Messages: 30}}, settings.Limits{Domain: settings.Counts{Messages: 1}}, 30 * time.Second},
		"raised for an address": {settings.Limits{Remote: settings.Counts{Messages: 1}}, settings.Limits{Remote: settings.Counts{Messages: 60}}, time.Second * 59 / 60},
		"bytes raised":          {settings.Limits{Domain: settings.Counts{Bytes: 10}}, settings.Limits{Domain: settings.Counts{Bytes: 60_000}}, time.Second * 5999 / 6000},
		"bytes removed":         {settings.Limits{Remote: settings.Counts{Bytes: 10}}, settings.Limits{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c.from.IdleTime, c.to.IdleTime = time.Hour, time.Hour
			s := newScript(t, c.from)
			conn := s.connect("a.test")
			s.pull(conn)
			s.p.Done(s.now, conn, 1, Outcome{Bytes: 1000, Delivered: true})
			s.pull(conn)
			s.step(time.Second)
			s.use(c.to)
			s.want("taken", s.add("a.test").Kind, Queued)
			if c.wait > soon2 {
				s.want("waits in the local queue", s.step(0).Park[0].Ends.Sub(s.now).Round(100*time.Millisecond), c.wait)
				return
			}
			if c.wait > 0 {
				s.want("too early", len(s.step(c.wait-50*time.Millisecond).Hand), 0)
				s.now = s.now.Add(50 * time.Millisecond)
			}
			s.want("goes", len(s.step(0).Hand), 1)
		})
	}
}

const soon2 = time.Duration(soon)

// Mail that a rate sent to the local queue comes at once when the rate is raised.
func TestRaisedRateBringsWaitingMail(t *testing.T) {
	s := newScript(t, settings.Limits{Domain: settings.Counts{Messages: 1}})
	c := s.connect("a.test")
	s.pull(c)
	s.done(c, 1)
	s.pull(c)
	s.p.Backlog(s.now, "a.test", s.pools.Of(src1), 100)
	s.step(0)
	s.want("waits", len(s.step(time.Second).Refill), 0)
	s.use(settings.Limits{})
	s.want("comes", len(s.step(0).Refill), 1)
}

// More connections are dialed in the Todo after the limit was raised, with nothing else happening.
func TestRaisedConnections(t *testing.T) {
	s := newScript(t, settings.Limits{Domain: settings.Counts{Connections: 1}})
	s.pull(s.connect("a.test"))
	s.add("a.test")
	s.want("none", len(s.step(0).Dial), 0)
	s.use(settings.Limits{Domain: settings.Counts{Connections: 2}})
	s.want("one", len(s.step(0).Dial), 1)
}

// The reviews after a change are bounded, and go on until all is seen to.
func TestManyGroupsAreReviewed(t *testing.T) {
	s := newScript(t, settings.Limits{IdleTime: time.Hour})
	const n = 2*reviewPerTodo + 10
	for i := range n {
		name := "d" + string(rune('a'+i%26)) + netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).String()
		s.add(name)
		s.step(0)
		s.resolve(name)
		s.step(0)
		c := s.open()
		s.done(c, s.pull(c))
		s.pull(c)
	}
	s.use(settings.Limits{IdleTime: time.Hour, ConnMessages: 1})
	closed := 0
	for s.step(0); !s.todo.Wake.After(s.now) && !s.todo.Wake.IsZero(); s.step(0) {
		closed += len(s.todo.Close)
	}
	s.want("closed", closed+len(s.todo.Close), n)
}

// However often the settings change between two calls of Todo, a place is looked at again once.
func TestPlacesStandInLineOnce(t *testing.T) {
	s := newScript(t, settings.Limits{Domain: settings.Counts{Messages: 1}})
	s.connect("a.test")
	s.p.Backlog(s.now, "a.test", s.pools.Of(src1), 100)
	for range 1000 {
		s.use(settings.Limits{Domain: settings.Counts{Messages: 2}})
	}
	s.want("to be looked at", s.p.reopened.len(), 1)
	s.step(0)
	s.use(settings.Limits{})
	s.want("again", s.p.reopened.len(), 1)
	s.want("comes", len(s.step(0).Refill), 1)
}

func (s *script) pause(addrs ...netip.Addr) {
	s.p.Use(s.now, fixed{all: settings.Limits{IdleTime: time.Hour}, paused: addrs})
}

func TestPausedRemote(t *testing.T) {
	s := newScript(t, settings.Limits{Remote: settings.Counts{Connections: 2}})
	list := s.idleConns(3) // two to the first address, one to the second
	s.add("a.test")
	s.add("a.test")
	hands := s.step(0).Hand
	work := hands[slices.IndexFunc(hands, func(h Hand) bool { return h.Conn != list[2] })]
	s.pause(mx1.Addr)
	s.want("what is idle there ends", s.step(0).Close, slices.DeleteFunc(list[:2:2], func(id ConnID) bool { return id == work.Conn }))
	s.add("a.test")
	s.want("ahead", s.nextOf(work.Conn), 0)
	s.done(work.Conn, work.Item.ID)
	s.want("after its message", s.pull(work.Conn), 0)
	s.want("it ends", s.step(0).Close, []ConnID{work.Conn})
	for range 20 {
		s.add("a.test")
		for _, d := range s.step(time.Second).Dial {
			s.want("dials", d.Targets, []Target{mx2})
		}
	}
	s.want("the other goes on", s.nextOf(list[2]) != 0, true)
	x, _ := s.p.Explain(s.now, "a.test")
	s.want("told", x.Lanes[0].Remotes[0].Paused != x.Lanes[0].Remotes[1].Paused, true)
}

func TestAllRemotesPaused(t *testing.T) {
	s := newScript(t, settings.Limits{})
	c := s.connect("a.test")
	s.want("pull", s.pull(c), 1)
	s.add("a.test")
	s.pause(netip.MustParseAddr("198.51.100.1"))
	s.done(c, 1)
	s.want("pull", s.pull(c), 0)
	s.step(0)
	s.want("parked", []any{len(s.todo.Park), s.todo.Park[0].Reason, s.todo.Park[0].Ends}, []any{1, Paused, time.Time{}})
	v := s.add("a.test")
	s.want("fresh", []any{v.Kind, v.Reason, v.Until}, []any{Park, Paused, s.now})
	pool := s.pools.Of(src1)
	s.p.Backlog(s.now, "a.test", pool, 2)
	s.want("refill", len(s.step(time.Minute).Refill), 0)
	x, _ := s.p.Explain(s.now, "a.test")
	s.want("waits", x.Waits.For, "the pause of its remote addresses")
	s.pause()
	s.want("flows at once", len(s.step(0).Refill), 1)
}

// A dial that is on its way when its address is paused carries nothing.
func TestPausedWhileDialing(t *testing.T) {
	s := newScript(t, settings.Limits{})
	s.add("a.test")
	s.step(0)
	s.resolve("a.test")
	s.step(0)
	s.pause(netip.MustParseAddr("198.51.100.1"))
	s.want("nothing", s.pull(s.open()), 0)
	s.step(0)
	s.want("closed and parked", []int{len(s.todo.Close), len(s.todo.Park)}, []int{1, 1})
}

// A pause of a tag holds up the mail that has it, and no other.
func TestPausedForATag(t *testing.T) {
	s := newScript(t, settings.Limits{})
	c := s.connect("a.test")
	s.pull(c)
	s.p.Use(s.now, fixed{tagged: map[string][]netip.Addr{"bulk": {netip.MustParseAddr("198.51.100.1")}}})
	s.want("queued", s.p.Add(s.now, Item{ID: 50, Site: "a.test", Pool: s.pools.Of(src1), Class: Class{Tags: "bulk"}}).Kind, Queued)
	s.add("a.test")
	s.step(0)
	s.want("parked", []any{len(s.todo.Park), s.todo.Park[0].ID}, []any{1, 50})
	s.done(c, 1)
	s.want("the other goes on", s.pull(c), 2)
}

// While one address is paused and the other fails the mail fails; when the pause ends nothing stands in the way.
func TestOutageOfThePausedRest(t *testing.T) {
	s := newScript(t, settings.Limits{})
	s.add("a.test")
	s.step(0)
	s.p.Resolved(s.now, "a.test", Route{Targets: []Target{mx1, mx2}})
	s.pause(mx1.Addr)
	s.step(0)
	s.want("the one that is left", s.todo.Dial[0].Targets, []Target{mx2})
	s.refuse(ScopeSite)
	s.want("failed", len(s.todo.Fail), 1)
	s.want("offline", s.add("a.test").Kind, Offline)
	s.pause()
	s.want("queued", s.add("a.test").Kind, Queued)
	s.want("dial", s.step(0).Dial[0].Targets, []Target{mx1})
}

// What was noted for an idle connection before a pause began is taken back.
func TestHandBeforeAPause(t *testing.T) {
	for _, flood := range []bool{false, true} {
		s := newScript(t, settings.Limits{IdleTime: time.Hour})
		list := s.idleConns(2)
		s.add("a.test")
		s.paused(list[0], flood)
		s.step(0)
		s.want("hands", len(s.todo.Hand), 0)
		s.want("parked", len(s.todo.Park) > 0, true)
		s.want("closed", len(s.todo.Close), 2)
		s.want("in hand", s.p.Totals().InHand, 0)
	}
}

// What was noted for an idle connection before a change of the settings waits again, so that the loop can look at it anew; what
// still may goes out with the same Todo, once.
func TestHandBeforeAChange(t *testing.T) {
	s := newScript(t, settings.Limits{IdleTime: time.Hour})
	list := s.idleConns(2)
	s.add("a.test")
	gone := s.next
	s.add("a.test")
	s.want("noted", s.p.Totals().InHand, 2)
	s.use(settings.Limits{IdleTime: time.Hour})
	s.want("waiting", []int{s.p.Totals().Waiting, s.p.Totals().InHand, s.p.Totals().Idle}, []int{2, 0, 2})
	s.want("removed", s.p.Remove(s.now, gone), true)
	s.step(0)
	s.want("hands", len(s.todo.Hand), 1)
	s.want("the other", s.todo.Hand[0].Item.ID, s.next)
	s.want("on one of them", slices.Contains(list, s.todo.Hand[0].Conn), true)
	s.done(s.todo.Hand[0].Conn, s.next)
	s.want("nothing is left", []int{s.p.Totals().Waiting, s.p.Totals().InHand}, []int{0, 0})
}

func TestHandBeforeAChangeAfterStop(t *testing.T) {
	s := newScript(t, settings.Limits{IdleTime: time.Hour})
	s.idleConns(1)
	s.add("a.test")
	s.p.Stop(s.now)
	s.use(settings.Limits{})
	s.step(0)
	s.want("parked and closed", []int{len(s.todo.Park), len(s.todo.Hand), len(s.todo.Close), s.p.Totals().InHand}, []int{1, 0, 1, 0})
}

// paused lets a pause begin between an Add and its Todo.
func (s *script) paused(c ConnID, flood bool) {
	if !flood {
		s.pause(mx1.Addr, mx2.Addr)
		return
	}
	l := s.p.conns.get(c).berth.lane
	s.p.flood(s.p.instant(s.now), l, minutePause(7))
}
