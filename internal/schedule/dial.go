package schedule

import (
	"maps"
	"net/netip"
	"time"
)

// choose is the next address of a lane to dial for a class, in the order of the route, those that lately failed last;
// or when one may be dialed, and what stands against it.
func (p *Plan) choose(at int64, b *berth) (*Target, int64, Reason) {
	var last *Target
	when, why := never, Paused
	list := b.lane.group.reachable(b.lane.source)
	for i := range list {
		t := &list[i]
		r := b.lane.remotes[t.Addr]
		ready, reason := p.admitsTo(at, b, t.Addr, r)
		switch {
		case ready > at:
			if ready < when || when == never && why == Paused {
				when, why = ready, reason
			}
		case r == nil || at >= r.trouble.until:
			return t, at, NoReason
		case last == nil:
			last = t
		}
	}
	if last != nil {
		return last, at, NoReason
	}
	return nil, when, why
}

// admitsTo says when a lane may start another connection to an address, and what stands against it.
func (p *Plan) admitsTo(at int64, b *berth, addr netip.Addr, r *remote) (int64, Reason) {
	switch {
	case b.shuns(p, addr):
		return never, Paused
	case b.spent(at, addr):
		return b.refused[addr].until, Crowded
	case r == nil:
		return at, NoReason
	case r.trouble.spent(at, b.lane.round):
		return r.trouble.until, Crowded
	}
	limits := &b.lane.current(p).Remote
	if limits.Connections > 0 && r.conns >= limits.Connections || limits.Starting > 0 && r.opening >= limits.Starting {
		return never, Crowded
	}
	if ready := max(r.connects.ready(at, int64(limits.Connects)), r.ready(p, at, b.lane)); ready > at {
		return ready, Rate
	}
	return at, NoReason
}

// spent says that an address has refused the class in this round.
func (b *berth) spent(at int64, addr netip.Addr) bool {
	t, ok := b.refused[addr]
	return ok && t.spent(at, b.round)
}

// enoughAddrs is how many addresses have to fail in a round before a destination counts as unreachable from a lane.
const enoughAddrs = 10

// hope says what is left of a lane in this round: whether another address may be tried for the class, whether all have
// failed for every class, and whether some are paused.
func (p *Plan) hope(at int64, b *berth) (left, dead, paused bool) {
	l := b.lane
	failed, refused := 0, 0
	for _, t := range l.group.reachable(l.source) {
		r := l.remotes[t.Addr]
		switch {
		case b.shuns(p, t.Addr):
			paused = true
		case r != nil && r.trouble.spent(at, l.round):
			failed++
		case b.spent(at, t.Addr):
			refused++
		default:
			left = true
		}
	}
	left = left && failed+refused < enoughAddrs || failed+refused == 0 // or what failed is paused now
	return left, refused == 0, paused
}

func (p *Plan) open(at int64, st *stream, b *berth, t *Target) {
	l, g := b.lane, b.lane.group
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
	l.sinceOpen, l.lastDial = 0, at
	p.opening++
	b.opening++
	for _, st := range b.streams {
		st.conns++
		st.opening++
	}
	r := l.remote(t.Addr)
	b.moor(c, r)
	r.conns++
	r.opening++
	limits := l.current(p)
	l.connects.take(at, 1, int64(limits.Domain.Connects))
	r.connects.take(at, 1, int64(limits.Remote.Connects))
	p.touch(l)
	p.todo.Dial = append(p.todo.Dial, Dial{Conn: c.id, Site: c.site.name, Source: l.source, Class: b.class, Targets: []Target{*t}})
}

// newBerth makes the place for connections of a class, which all streams of it share.
func (p *Plan) newBerth(l *lane, class Class) *berth {
	b := &berth{lane: l, class: class}
	l.berths = append(l.berths, b)
	for _, st := range l.group.allStreams {
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
	c.remote.opening--
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
	b, l := c.berth, c.berth.lane
	c.state, c.opened = working, at
	b.open++
	l.window = min(l.window+1, maxWindow) // each round of dials doubles it
	l.outage, b.outage = outage{}, outage{}
	delete(p.sources, l.source)
	l.pause, l.pauseLast = 0, 0
	p.missed(at, l, o.Failed, nil)
	p.arrived(c, o.Addr)
	c.remote.trouble = trouble{}
	delete(b.refused, c.remote.addr)
	if l.claim != nil && l.claim.conns > 0 {
		l.claim = nil
	}
	for _, st := range b.streams {
		st.down, st.err = 0, nil
		if st.queue.n > 0 && p.grows(at, st) {
			p.want(st)
		}
	}
}

// arrived counts a connection for another address than the one it was to go to, should that ever be.
func (p *Plan) arrived(c *conn, addr netip.Addr) {
	if !addr.IsValid() || addr == c.remote.addr {
		return
	}
	c.remote.conns--
	c.berth.cast(c)
	c.berth.moor(c, c.berth.lane.remote(addr))
	c.remote.conns++
}

// DialFailed says that a dial has led to no connection. Its address is left alone for a while; so is what f is about
// when no other address is left, and the items that this leaves without any way fail with f.Err.
func (p *Plan) DialFailed(now time.Time, id ConnID, f DialFailure) {
	at := p.instant(now)
	c := p.conns.get(id)
	if c == nil || c.state != dialing {
		return
	}
	p.settled(c)
	b, l := c.berth, c.berth.lane
	b.cast(c)
	for _, st := range b.streams {
		st.conns--
	}
	p.gone(at, c)
	l.window = 1
	switch f.Scope {
	case ScopeSource:
		p.unusable(at, l.source, f.Err)
	case ScopeClass:
		if b.refused == nil {
			b.refused = make(map[netip.Addr]trouble)
		}
		b.refused[c.remote.addr] = trouble{since: at, until: at + int64(l.offlineTime(p)), err: f.Err}
		p.refusals(b)
		p.failed(at, b, f.Err)
	default:
		p.missed(at, l, f.Failed, f.Err)
		c.remote.miss(at, l.offlineTime(p), f.Err)
		p.failed(at, b, f.Err)
	}
	p.wantAll(l)
	p.forget(at, l.group)
}

// refusals drops what is said of addresses that the group has no more.
func (p *Plan) refusals(b *berth) {
	if len(b.refused) > 2*len(b.lane.group.targets)+16 {
		maps.DeleteFunc(b.refused, func(a netip.Addr, _ trouble) bool { return !b.lane.group.has(a) })
	}
}

// unusable notes that a source address cannot be used on this machine.
func (p *Plan) unusable(at int64, source netip.Addr, err error) {
	o := p.sources[source]
	if o == nil {
		o = &outage{}
		p.sources[source] = o
	}
	o.extend(p, at, time.Minute, err)
}

// failed decides what the failure of a dial means for the lane.
func (p *Plan) failed(at int64, b *berth, err error) {
	l := b.lane
	left, dead, part := p.hope(at, b)
	switch {
	case left: // the next address may do
	case l.opening > 0 && l.live() == l.opening: // the other dials may still succeed
	case l.live() > 0 && dead: // as many as it wants to have
		l.pauseLast = min(max(2*l.pauseLast, 10*time.Second), time.Minute)
		l.pause = at + int64(l.pauseLast)
		l.round = l.pause
	case dead:
		p.offline(at, l, &l.outage, err)
		l.outage.part, l.round = part, l.outage.until
	default:
		p.offline(at, l, &b.outage, err)
		b.outage.part, b.round = part, b.outage.until
	}
}

func (p *Plan) offline(at int64, l *lane, o *outage, err error) {
	o.extend(p, at, l.offlineTime(p), err)
	l.group.keep = max(l.group.keep, o.until+int64(o.last))
	p.touch(l)
}

func (r *remote) miss(at int64, d time.Duration, err error) {
	r.trouble = trouble{since: at, until: at + int64(d), err: err}
}

// missed marks remote addresses as to be tried last.
func (p *Plan) missed(at int64, l *lane, addrs []netip.Addr, err error) {
	for _, a := range addrs {
		if l.group.has(a) {
			l.remote(a).miss(at, l.offlineTime(p), err)
		}
	}
}

// gone removes a connection that has ended, and lets others have its room.
func (p *Plan) gone(at int64, c *conn) {
	l := c.berth.lane
	g := l.group
	c.remote.conns--
	p.timers.disarm(&c.timer)
	p.conns.remove(c)
	l.conns--
	if g.conns--; g.conns == 0 {
		p.busyGroups--
	}
	g.events++
	p.touch(l)
	p.nextInLine() // before those who had it
	if st := l.claim; st != nil && !st.dropped && st.queue.n > 0 {
		p.want(st)
	}
	for _, b := range l.berths {
		for _, st := range b.streams {
			if st.queue.n > 0 && p.grows(at, st) {
				p.want(st)
			}
		}
	}
	p.forget(at, g)
}
