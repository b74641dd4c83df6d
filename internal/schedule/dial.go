package schedule

import "net/netip"

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
			when, why = sooner(when, why, ready, reason)
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

// sooner is the one of two hindrances that ends first. Of two that end never, a pause says less than what may end by itself.
func sooner(when int64, why Reason, ready int64, reason Reason) (int64, Reason) {
	if ready < when || when == never && why == Paused {
		return ready, reason
	}
	return when, why
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
	case r.trouble.spent(at, b.lane.round()):
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

// round is when the present round of dials began, with the end of the last outage or pause. In a round an address that has
// failed is not dialed again before the others. While an outage or a pause lasts nothing has failed since its end: what
// else fails then changes nothing.
func (l *lane) round() int64 { return max(l.outage.until, l.pause) }

// spent says that an address has refused the class in this round.
func (b *berth) spent(at int64, addr netip.Addr) bool {
	t, ok := b.refused[addr]
	return ok && t.spent(at, b.outage.until)
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
		case r != nil && r.trouble.spent(at, l.round()):
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
	r := l.remote(at, t.Addr)
	b.moor(c, r)
	r.conns++
	r.opening++
	limits := l.current(p)
	l.connects.take(at, 1, int64(limits.Domain.Connects))
	r.connects.take(at, 1, int64(limits.Remote.Connects))
	p.touch(l)
	p.todo.Dial = append(p.todo.Dial, Dial{Conn: c.id, Site: c.site.name, Key: l.group.key, Source: l.source, Class: b.class, Targets: []Target{*t}})
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
