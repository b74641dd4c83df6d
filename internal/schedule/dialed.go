package schedule

import (
	"maps"
	"net/netip"
	"time"
)

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
	p.arrived(at, c, o.Addr)
	c.remote.trouble, c.remote.odd = trouble{}, 0
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
func (p *Plan) arrived(at int64, c *conn, addr netip.Addr) {
	if !addr.IsValid() || addr == c.remote.addr {
		return
	}
	c.remote.conns--
	c.berth.cast(c)
	c.berth.moor(c, c.berth.lane.remote(at, addr))
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
	for _, flood := range f.Floods {
		p.flood(at, l, flood)
	}
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
	case dead:
		p.offline(at, l, &l.outage, err, part)
	default:
		p.offline(at, l, &b.outage, err, part)
	}
}

func (p *Plan) offline(at int64, l *lane, o *outage, err error, part bool) {
	o.extend(p, at, l.offlineTime(p), err)
	o.part = part
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
			l.remote(at, a).miss(at, l.offlineTime(p), err)
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
