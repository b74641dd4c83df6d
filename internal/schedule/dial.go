package schedule

import (
	"net/netip"
	"slices"
	"time"
)

func (l *lane) addrReady(at int64, addr netip.Addr) int64 {
	r := l.remotes[addr]
	switch {
	case r == nil:
		return at
	case l.limits.Remote.Connections > 0 && r.conns >= l.limits.Remote.Connections:
		return never
	}
	return max(at, r.connects.ready(int64(l.limits.Remote.Connects)))
}

// targets are those to be tried, those that lately could not be reached last.
func (l *lane) targets(at int64) []Target {
	all := l.group.reachable(l.source)
	if len(l.remotes) == 0 {
		return all
	}
	limited := l.limits.Remote.Connections > 0 || l.limits.Remote.Connects > 0
	list := make([]Target, 0, len(all))
	for _, t := range all {
		if !limited || l.addrReady(at, t.Addr) <= at {
			list = append(list, t)
		}
	}
	slices.SortStableFunc(list, func(a, b Target) int { return l.offlineRank(at, a) - l.offlineRank(at, b) })
	return list
}

func (l *lane) offlineRank(at int64, t Target) int {
	if r := l.remotes[t.Addr]; r != nil && at < r.offline {
		return 1
	}
	return 0
}

func (p *Plan) open(at int64, st *stream, l *lane) {
	g := l.group
	b := l.berth(st.class)
	if b == nil {
		b = p.newBerth(l, st.class)
	}
	c := &conn{berth: b, site: st.queue.first().site, opened: at}
	c.hand = c.two[:0]
	p.conns.add(c)
	if g.conns == 0 {
		p.busyGroups++
	}
	g.conns++
	g.lastDial = at
	l.conns++
	l.opening++
	l.sinceOpen = 0
	p.opening++
	l.connects.take(at, 1, int64(l.limits.Domain.Connects))
	b.opening++
	for _, st := range b.streams {
		st.conns++
		st.opening++
	}
	targets := l.targets(at)
	if l.limits.Remote.Connections > 0 || l.limits.Remote.Connects > 0 {
		targets = targets[:1] // the others count for themselves
		c.remote = l.remote(targets[0].Addr)
		c.remote.conns++
		c.remote.connects.take(at, 1, int64(l.limits.Remote.Connects))
	}
	p.touch(l)
	p.todo.Dial = append(p.todo.Dial, Dial{Conn: c.id, Site: c.site.name, Source: l.source, Class: b.class, Targets: targets})
}

func (p *Plan) newBerth(l *lane, class Class) *berth {
	b := &berth{lane: l, class: class}
	l.berths = append(l.berths, b)
	for _, st := range l.group.streams {
		if st.class == class && st.pool.has(l.source) {
			st.attach(b)
		}
	}
	return b
}

// settled ends the dialing of c.
func (p *Plan) settled(c *conn) {
	b := c.berth
	p.opening--
	b.lane.opening--
	b.opening--
	for _, st := range b.streams {
		st.opening--
	}
	b.lane.group.events++
	p.touch(b.lane)
}

// maxWindow is how many dials of a lane are on their way at most, where no limit is set: some thousands a second.
const maxWindow = 256

// Opened says that a dial has led to a connection. It is to Pull next, before Todo.
func (p *Plan) Opened(now time.Time, id ConnID, o Opening) {
	at := p.instant(now)
	c := p.conns.get(id)
	if c == nil || c.state != dialing {
		return
	}
	p.settled(c)
	l := c.berth.lane
	c.state, c.opened = working, at
	c.berth.open++
	l.window = min(l.window+1, maxWindow) // each round of dials doubles it
	l.outage, c.berth.outage = outage{}, outage{}
	delete(p.sources, l.source)
	l.pause, l.pauseLast = 0, 0
	p.missed(at, l, o.Failed)
	for _, st := range c.berth.streams {
		st.down, st.err = 0, nil
		if st.queue.n > 0 && p.grows(at, st) {
			p.want(st)
		}
	}
}

// DialFailed says that a dial has led to no connection. If the lane has no other, what f is about is offline for a
// while, and the items that this leaves without any address fail with f.Err.
func (p *Plan) DialFailed(now time.Time, id ConnID, f DialFailure) {
	at := p.instant(now)
	c := p.conns.get(id)
	if c == nil || c.state != dialing {
		return
	}
	p.settled(c)
	b, l := c.berth, c.berth.lane
	for _, st := range b.streams {
		st.conns--
	}
	p.gone(at, c)
	p.missed(at, l, f.Failed)
	l.window = 1
	switch {
	case f.Scope == ScopeSource:
		o := p.sources[l.source]
		if o == nil {
			o = &outage{}
			p.sources[l.source] = o
		}
		o.extend(p, at, time.Minute, f.Err)
	case f.Scope == ScopeClass:
		p.offline(at, l, &b.outage, f.Err)
	case l.opening > 0 && l.live() == l.opening: // the other dials may still succeed
	case l.live() > 0: // as many as it wants to have
		l.pauseLast = min(max(2*l.pauseLast, 10*time.Second), time.Minute)
		l.pause = at + int64(l.pauseLast)
	default:
		p.offline(at, l, &l.outage, f.Err)
	}
	for _, b := range l.berths {
		for _, st := range b.streams {
			p.want(st)
		}
	}
	p.forget(l.group)
}

func (p *Plan) offline(at int64, l *lane, o *outage, err error) {
	o.extend(p, at, l.current(p).Offline, err)
	l.group.keep = max(l.group.keep, o.until+int64(o.last))
	p.touch(l)
}

// missed marks remote addresses as to be tried last.
func (p *Plan) missed(at int64, l *lane, addrs []netip.Addr) {
	for _, a := range addrs {
		if slices.ContainsFunc(l.group.targets, func(t Target) bool { return t.Addr == a }) {
			l.remote(a).offline = at + int64(l.current(p).Offline)
		}
	}
}

// gone removes a connection that has ended, and lets others have its room.
func (p *Plan) gone(at int64, c *conn) {
	l := c.berth.lane
	g := l.group
	if c.remote != nil {
		c.remote.conns--
	}
	p.timers.disarm(&c.timer)
	p.conns.remove(c)
	l.conns--
	if g.conns--; g.conns == 0 {
		p.busyGroups--
	}
	g.events++
	p.touch(l)
	p.nextInLine() // before those who had it
	for _, b := range l.berths {
		for _, st := range b.streams {
			if st.queue.n > 0 && p.grows(at, st) {
				p.want(st)
			}
		}
	}
	p.forget(g)
}
