package schedule

import (
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"posthoorn/internal/settings"
)

// observer looks at what really happens, and compares it with the limits. It knows nothing of the plan but what the plan
// has been told and what it does.
type observer struct {
	*testing.T
	s      *sim
	lanes  map[laneKey]*watched
	floods map[laneKey]map[int64]flooded

	matches int // answers that matched a pattern
}

type laneKey struct {
	source netip.Addr
	group  string
}

// flooded is a flood pattern that has matched.
type flooded struct{ pause, end time.Time }

// watched is what goes on in a lane, or towards one address of it.
type watched struct {
	conns, opening, idle   int
	messages, dials, bytes series
	remotes                map[netip.Addr]*watched
}

// series is events while one limit held.
type series struct {
	limit  int64
	events []*take
}

type take struct {
	at   time.Time
	n    int64
	back bool
}

func (o *observer) lane(source netip.Addr, group string) *watched {
	k := laneKey{source, group}
	w := o.lanes[k]
	if w == nil {
		w = &watched{remotes: map[netip.Addr]*watched{}}
		o.lanes[k] = w
		lim := o.limits(k)
		w.turn(o.T, &lim.Domain)
	}
	return w
}

func (o *observer) both(c *link) (lane, remote *watched) {
	lane = o.lane(c.dial.Source, c.host.group)
	remote = lane.remotes[c.addr]
	if remote == nil {
		remote = &watched{}
		lane.remotes[c.addr] = remote
		lim := o.limits(laneKey{c.dial.Source, c.host.group})
		remote.turn(o.T, &lim.Remote)
	}
	return lane, remote
}

// limits are those in force for a lane, by the snapshot and the floods.
func (o *observer) limits(k laneKey) settings.Limits {
	var ids []int64
	for id, f := range o.floods[k] {
		if o.s.now.Before(f.end) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return o.s.snap.Limits(k.source, o.s.key(k.group), ids)
}

// regime is called when limits may have changed: where they have, another series begins.
func (o *observer) regime() {
	for k, w := range o.lanes {
		lim := o.limits(k)
		w.turn(o.T, &lim.Domain)
		for _, r := range w.remotes {
			r.turn(o.T, &lim.Remote)
		}
	}
}

func (w *watched) turn(t *testing.T, c *settings.Counts) {
	w.messages.turn(t, "messages", int64(c.Messages))
	w.dials.turn(t, "connects", int64(c.Connects))
	w.bytes.turn(t, "bytes", c.Bytes)
}

func (s *series) turn(t *testing.T, what string, limit int64) {
	if limit != s.limit {
		s.check(t, what)
		s.limit, s.events = limit, nil
	}
}

func (o *observer) finish() {
	for _, w := range o.lanes {
		for _, x := range append(slices.Collect(maps.Values(w.remotes)), w) {
			x.messages.check(o.T, "messages")
			x.dials.check(o.T, "connects")
			x.bytes.check(o.T, "bytes")
		}
	}
}

// check looks at every window: in none is there more than the limit has room for, the tolerance of bucket allowed.
func (s *series) check(t *testing.T, what string) {
	t.Helper()
	if s.limit == 0 {
		return
	}
	interval := float64(time.Minute) / float64(s.limit)
	// with x = time − (number before) × interval, an event comes too early after an earlier one if x falls by more
	// than the tolerance
	peak, sum := -1e300, int64(0)
	for n, e := range s.events {
		if e.back {
			continue
		}
		x := float64(e.at.Sub(epoch)) - float64(sum)*interval
		peak = max(peak, x)
		if peak-x > float64(tolerance)+1000+float64(sum)*1e-6 {
			for i := max(0, n-3); i <= n; i++ {
				t.Logf("%v %v", s.events[i].at.Sub(epoch), s.events[i].back)
			}
			t.Errorf("%s: event %d of %d is %v too early for %d per minute", what, n, len(s.events), time.Duration(peak-x), s.limit)
			return
		}
		sum += e.n
	}
}

func (o *observer) dialed(c *link) {
	k := laneKey{c.dial.Source, c.host.group}
	lane, remote := o.both(c)
	lim := o.limits(k)
	for _, x := range []struct {
		what string
		w    *watched
		c    settings.Counts
	}{{"lane", lane, lim.Domain}, {"address", remote, lim.Remote}} {
		x.w.conns++
		x.w.opening++
		x.w.dials.events = append(x.w.dials.events, &take{at: o.s.now, n: 1})
		if x.c.Connections > 0 && x.w.conns > x.c.Connections {
			o.Errorf("%d connections of %s %v, %d allowed", x.w.conns, x.what, k, x.c.Connections)
		}
		if x.c.Starting > 0 && x.w.opening > x.c.Starting {
			o.Errorf("%d opening of %s %v, %d allowed", x.w.opening, x.what, k, x.c.Starting)
		}
	}
	o.allowed("dial", k, c)
	if total := o.s.snap.total; total > 0 && len(o.s.conns) > total {
		o.Errorf("%d connections in all, %d allowed", len(o.s.conns), total)
	}
}

// allowed checks that nothing goes to an address, or from a lane, that is paused.
func (o *observer) allowed(what string, k laneKey, c *link) {
	for _, f := range o.floods[k] {
		if o.s.now.Before(f.pause) {
			o.Errorf("%s while %v pauses until %v", what, k, f.pause.Sub(epoch))
		}
	}
	if slices.Contains(o.s.snap.PausedRemotes(k.source, c.dial.Class), c.addr) {
		o.Errorf("%s to %v, which is paused", what, c.addr)
	}
}

func (o *observer) opened(c *link) {
	lane, remote := o.both(c)
	lane.opening--
	remote.opening--
}

func (o *observer) ended(c *link) {
	lane, remote := o.both(c)
	lane.conns--
	remote.conns--
	o.idle(c, false)
}

func (o *observer) idle(c *link, idle bool) {
	if c.waiting == idle {
		return
	}
	c.waiting = idle
	n := -1
	if idle {
		n = 1
	}
	lane, remote := o.both(c)
	lane.idle += n
	remote.idle += n
}

func (o *observer) carried(c *link, m *message) {
	k := laneKey{c.dial.Source, c.host.group}
	lim := o.limits(k)
	lane, remote := o.both(c)
	m.takes = [2]*take{{at: o.s.now, n: 1}, {at: o.s.now, n: m.item.Size}}
	for _, w := range []*watched{lane, remote} {
		w.messages.events = append(w.messages.events, m.takes[0])
		w.bytes.events = append(w.bytes.events, m.takes[1])
	}
	if lim.ConnMessages > 0 && c.sent > lim.ConnMessages {
		o.Errorf("%d messages over one connection", c.sent)
	}
	if lim.ConnBytes > 0 && c.bytes >= lim.ConnBytes {
		o.Errorf("a message over a connection that has carried %d bytes", c.bytes)
	}
	o.allowed("message", k, c)
}

// matched is an answer that matched flood patterns.
func (o *observer) matched(c *link, floods []settings.Flood) {
	o.matches++
	k := laneKey{c.dial.Source, c.host.group}
	if o.floods[k] == nil {
		o.floods[k] = map[int64]flooded{}
	}
	for _, f := range floods {
		x := flooded{pause: o.s.now.Add(f.Pause)}
		x.end = x.pause.Add(f.Reduced)
		o.floods[k][f.ID] = x
		o.s.after(f.Pause+f.Reduced, o.regime)
	}
	o.regime()
}

// rested checks what must hold whenever the plan has said all that it has to say.
func (o *observer) rested() {
	type live struct{ conns, idle int }
	lanes, remotes := map[laneKey]live{}, map[laneKey]map[netip.Addr]live{}
	for _, c := range o.s.conns {
		if c.told {
			continue
		}
		k := laneKey{c.dial.Source, c.host.group}
		l := lanes[k]
		if remotes[k] == nil {
			remotes[k] = map[netip.Addr]live{}
		}
		r := remotes[k][c.addr]
		l.conns++
		r.conns++
		if c.waiting {
			l.idle++
			r.idle++
			if slices.Contains(o.s.snap.PausedRemotes(k.source, c.dial.Class), c.addr) {
				o.Errorf("idle connection to %v, which is paused", c.addr)
			}
		}
		lanes[k], remotes[k][c.addr] = l, r
	}
	check := func(what string, l live, c settings.Counts) {
		if c.Idle > 0 && l.idle > c.Idle {
			o.Errorf("%s: %d idle, %d allowed", what, l.idle, c.Idle)
		}
		if c.Connections > 0 && l.conns > c.Connections && l.idle > 0 {
			o.Errorf("%s: %d connections, %d of them idle, %d allowed", what, l.conns, l.idle, c.Connections)
		}
	}
	for k, l := range lanes {
		lim := o.limits(k)
		check("lane", l, lim.Domain)
		for _, r := range remotes[k] {
			check("address", r, lim.Remote)
		}
	}
}
