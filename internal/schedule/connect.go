package schedule

import (
	"net/netip"
	"slices"
	"time"
)

// connect looks at all streams that may want connections, in turn.
func (p *Plan) connect(at int64) {
	for p.wanting.len() > 0 || p.conns.n < p.max && p.nextNeedy() {
		st := p.wanting.pop()
		st.wanting = false
		if !st.dropped && !p.stopped && st.queue.n > 0 {
			p.assess(at, st)
		}
	}
	for p.idle.first != nil && (p.needy.len() > p.closing || p.short(at)) {
		p.close(p.idle.first)
	}
}

// unused is how long a connection is idle before one for another destination is worth more.
const unused = second / 2

// short says that a stream would have more connections if one that is idle for long were closed.
func (p *Plan) short(at int64) bool {
	if p.closing >= p.squeezed.len() || at-p.idle.first.idleSince < unused {
		return false
	}
	st := p.squeezed.items[p.squeezed.head]
	return st.short && st.queue.n > 0 && p.grows(at, st)
}

// result of trying to open a connection.
type result uint8

const (
	dialed  result = iota
	blocked        // by limits or rates
	down           // every address is offline
	full           // no connection is left
	share          // the group has what it may have while others may want some
)

// assess opens a connection for the stream if it wants one and may, and decides what becomes of items that nothing
// will carry soon.
func (p *Plan) assess(at int64, st *stream) {
	served := p.served(at, st)
	if served && !p.grows(at, st) {
		return
	}
	res, when, why := p.dial(at, st)
	switch res {
	case dialed:
		if p.grows(at, st) {
			p.want(st) // again, after the others
		}
	case down:
		p.failAll(at, st)
	case full, share:
		p.queueUp(at, st, res)
	case blocked:
		st.blocked, st.events, st.version = when, st.group.events, p.version
		if when != never {
			p.timers.arm(&st.timer, st, when)
		}
		if !served {
			p.hold(at, st, when, why)
		}
	}
}

// queueUp puts the stream where those stand who get the next connection that ends.
func (p *Plan) queueUp(at int64, st *stream, res result) {
	if st.conns == 0 {
		p.thin(at, st)
	}
	st.short = res == full
	switch {
	case st.conns == 0 && st.short:
		if !st.needy {
			st.needy = true
			p.needy.push(st)
		}
	case !st.squeezed:
		st.squeezed = true
		p.squeezed.push(st)
	}
}

// hold decides about items that limits keep from starting.
func (p *Plan) hold(at int64, st *stream, when int64, why Reason) {
	switch {
	case why == Paused:
		st.held, st.heldUntil = Paused, never
		p.parkAll(at, st, Paused, at)
	case why == Rate && when > at+soon:
		st.held, st.heldUntil = Rate, when
		p.parkAll(at, st, Rate, when)
	case why != Rate:
		p.thin(at, st)
	}
}

// dial opens a connection for the stream from the next of its addresses that may have one. If none may, it says when
// one may again, at the earliest.
func (p *Plan) dial(at int64, st *stream) (result, int64, Reason) {
	g := st.group
	if p.max > 0 {
		switch left := p.max - p.conns.n; {
		case left <= 0 && (g.conns == 0 || !g.slow(at)):
			return full, 0, 0
		case g.conns > 0 && g.conns >= p.shareOf(at, g, left):
			return share, 0, 0
		}
	}
	if st.conns == 0 && p.unreachable(at, st) {
		return down, 0, 0
	}
	when, why := never, Paused
	for i := range st.pool.addrs {
		turn := (st.turn + i) % len(st.pool.addrs)
		if p.outageOf(at, st, st.pool.addrs[turn]) != nil {
			continue
		}
		l := g.lane(st.pool.addrs[turn])
		ready, reason := p.admits(at, l)
		if ready <= at {
			st.turn = turn + 1
			p.open(at, st, l)
			return dialed, 0, 0
		}
		if ready < when || why == Paused {
			when, why = ready, reason
		}
	}
	return blocked, when, why
}

// enoughTried is how many addresses have to fail before a site without any connection counts as unreachable from all.
const enoughTried = 3

// shareOf is how many connections a group may have while so many are left: nine tenths of all at most, or a half if it
// is slow or unproven, and less the more groups there are (dynamic threshold). So a destination that swallows
// connections cannot take them all before others have come.
func (p *Plan) shareOf(at int64, g *group, left int) int {
	if g.slow(at) {
		return left
	}
	return 9 * left
}

// unreachable says that the stream's items cannot get out: no address can be used, or several have failed and there is
// no reason to try a hundred more. It ends with the outage that ends first.
func (p *Plan) unreachable(at int64, st *stream) bool {
	out, tried := 0, 0
	until, err, source := never, error(nil), noSource
	for _, a := range st.pool.addrs {
		o := p.outageOf(at, st, a)
		if o == nil {
			continue
		}
		out++
		if st.group.lanes[a] != nil && o != p.sources[a] {
			tried++
		}
		if o.until < until {
			until, err, source = o.until, o.err, a
		}
	}
	if out < len(st.pool.addrs) && tried < enoughTried {
		return false
	}
	st.down, st.err, st.source = until, err, source
	return true
}

// outageOf says why a source cannot be used for a stream at all, if it cannot.
func (p *Plan) outageOf(at int64, st *stream, source netip.Addr) *outage {
	if len(st.group.reachable(source)) == 0 {
		return &outage{until: at + minute, err: ErrNoFamily}
	}
	if o := p.sources[source]; o != nil && o.active(at) {
		return o
	}
	if l := st.group.lanes[source]; l != nil {
		return l.down(at, l.berth(st.class))
	}
	return nil
}

// admits says when a lane may start another connection: now, then, or never until something happens; and what stands
// against it.
func (p *Plan) admits(at int64, l *lane) (int64, Reason) {
	limits := l.current(p)
	if limits.Paused {
		return never, Paused
	}
	if ready := max(l.ready(p), l.connects.ready(int64(limits.ConnectsPerMinute))); ready > at {
		return ready, Rate
	}
	if l.pause > at {
		return l.pause, Crowded
	}
	starting := l.window
	if limits.StartingConnections > 0 {
		starting = min(starting, limits.StartingConnections)
	}
	if limits.Connections > 0 && l.conns >= limits.Connections || l.opening >= starting ||
		l.conns > 0 && l.sinceOpen < limits.MinimumMessages {
		return never, Crowded
	}
	if ready := p.remoteReady(at, l); ready > at {
		return ready, Crowded
	}
	return at, 0
}

// remoteReady is when some remote address of the lane may get another connection.
func (p *Plan) remoteReady(at int64, l *lane) int64 {
	if l.limits.AddrConnections <= 0 && l.limits.AddrConnectsPerMinute <= 0 {
		return at
	}
	first := never
	for _, t := range l.group.reachable(l.source) {
		first = min(first, l.addrReady(at, t.Addr))
	}
	return first
}

func (l *lane) addrReady(at int64, addr netip.Addr) int64 {
	r := l.remotes[addr]
	switch {
	case r == nil:
		return at
	case l.limits.AddrConnections > 0 && r.conns >= l.limits.AddrConnections:
		return never
	}
	return max(at, r.connects.ready(int64(l.limits.AddrConnectsPerMinute)))
}

// targets are those to be tried, those that lately could not be reached last.
func (l *lane) targets(at int64) []Target {
	all := l.group.reachable(l.source)
	if len(l.remotes) == 0 {
		return all
	}
	limited := l.limits.AddrConnections > 0 || l.limits.AddrConnectsPerMinute > 0
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
	l.connects.take(at, 1, int64(l.limits.ConnectsPerMinute))
	b.opening++
	for _, st := range b.streams {
		st.conns++
		st.opening++
	}
	targets := l.targets(at)
	if l.limits.AddrConnections > 0 || l.limits.AddrConnectsPerMinute > 0 {
		targets = targets[:1] // the others count for themselves
		c.remote = l.remote(targets[0].Addr)
		c.remote.conns++
		c.remote.connects.take(at, 1, int64(l.limits.AddrConnectsPerMinute))
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

// nextInLine lets a stream have the connection that has become free: one without any first.
func (p *Plan) nextInLine() {
	if p.nextNeedy() {
		return
	}
	for p.squeezed.len() > 0 {
		st := p.squeezed.pop()
		st.squeezed = false
		if st.queue.n > 0 {
			p.want(st)
			return
		}
	}
}

func (p *Plan) nextNeedy() bool {
	for p.needy.len() > 0 {
		st := p.needy.pop()
		st.needy = false
		if st.queue.n > 0 && !st.dropped {
			p.want(st)
			return true
		}
	}
	return false
}

// turnTime is how long a connection may be kept when others have none.
const turnTime = 2 * second

// yields says that a connection that asks for work is to end, because another destination has none, or far less than
// its share, and there are no more.
func (p *Plan) yields(at int64, c *conn) bool {
	if p.max == 0 || p.conns.n < p.max || c.messages == 0 {
		return false
	}
	g := c.berth.lane.group
	fair := p.max / max(p.busyGroups+p.needy.len(), 1)
	if p.needy.len() > p.closing {
		return g.conns > max(fair, 1) || at-c.opened > turnTime
	}
	if p.squeezed.len() <= p.closing || g.conns <= fair {
		return false
	}
	first := p.squeezed.items[p.squeezed.head]
	if first.short && first.group.conns < fair && first.queue.n > 0 {
		return true
	}
	p.squeezed.push(p.squeezed.pop()) // the next may deserve it
	return false
}
