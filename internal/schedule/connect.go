package schedule

import (
	"net/netip"
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

// hold decides about items that limits keep from starting.
func (p *Plan) hold(at int64, st *stream, when int64, why Reason) {
	switch {
	case (why == Paused || why == Rate) && when > at+soon:
		st.held, st.heldUntil, st.heldUnder = why, when, p.version
		p.parkAll(at, st, why, when)
	case why == Crowded:
		p.thin(at, st)
	}
}

// dial opens a connection for the stream from the next of its addresses that may have one. If none may, it says when
// one may again, at the earliest.
func (p *Plan) dial(at int64, st *stream) (result, int64, Reason) {
	if st.conns == 0 && p.unreachable(at, st) {
		return down, 0, NoReason
	}
	b, t, when, why := p.opportunity(at, st)
	if b == nil {
		return blocked, when, why
	}
	if g := st.group; p.max > 0 {
		switch left := p.max - p.conns.n; {
		case left <= 0 && (st.conns == 0 || !g.slow(at)):
			return full, 0, NoReason
		case st.conns > 0 && g.conns >= p.shareOf(at, g, left):
			return share, 0, NoReason
		}
	}
	p.open(at, st, b, t)
	return dialed, 0, NoReason
}

// opportunity is the next of the stream's addresses that may have a connection, and to which remote address.
func (p *Plan) opportunity(at int64, st *stream) (*berth, *Target, int64, Reason) {
	when, why := never, Paused
	for i := range st.pool.addrs {
		turn := (st.turn + i) % len(st.pool.addrs)
		if p.outageOf(at, st, st.pool.addrs[turn]) != nil {
			continue
		}
		l := p.lane(st.group, st.pool.addrs[turn])
		b := l.berth(st.class)
		if b == nil {
			b = p.newBerth(l, st.class)
		}
		t, ready, reason := p.admits(at, b)
		if t != nil {
			st.turn = turn + 1
			return b, t, at, NoReason
		}
		when, why = sooner(when, why, ready, reason)
		if reason == Crowded && st.conns == 0 {
			p.claim(st, l)
		}
	}
	return nil, nil, when, why
}

// claim has a connection of another class end for the stream, where the limits allow no other beside it.
func (p *Plan) claim(st *stream, l *lane) {
	if l.opening > 0 {
		return // it may be that which stands in the way
	}
	if l.claim == nil || l.claim.dropped || l.claim.queue.n == 0 || l.claim.conns > 0 {
		l.claim = st
	}
	if l.claim == st && l.idle.n > 0 && l.closing == 0 {
		p.close(l.idle.first)
	}
}

// enoughTried is how many addresses have to fail before a site without any connection counts as unreachable from all.
const enoughTried = 3

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
		// What was tried and failed says more than an address that could not be tried.
		if better := o.err != ErrNoFamily; err == nil || better && (err == ErrNoFamily || o.until < until) {
			until, err, source = o.until, o.err, a
		}
	}
	if out < len(st.pool.addrs) && tried < enoughTried {
		return false
	}
	if until == never {
		until = at + minute
	}
	st.down, st.err, st.source, st.told = until, err, source, p.version
	return true
}

// noFamily is the outage of a source that can reach no address of the group.
var noFamily = &outage{until: never, err: ErrNoFamily}

// outageOf says why a source cannot be used for a stream at all, if it cannot.
func (p *Plan) outageOf(at int64, st *stream, source netip.Addr) *outage {
	if len(st.group.reachable(source)) == 0 {
		return noFamily
	}
	if o := p.sources[source]; o != nil && o.active(at) {
		return o
	}
	if l := st.group.lanes[source]; l != nil {
		return l.down(p, at, l.berth(st.class))
	}
	return nil
}

// admits is the address that a lane may start another connection to; or when it may: then, or never until something
// happens; and what stands against it.
func (p *Plan) admits(at int64, b *berth) (*Target, int64, Reason) {
	l := b.lane
	limits := &l.current(p).Domain
	if l.silent > at {
		return nil, l.silent, Paused
	}
	if ready := max(l.ready(p, at), l.connects.ready(at, int64(limits.Connects))); ready > at {
		return nil, ready, Rate
	}
	if l.pause > at {
		return nil, l.pause, Crowded
	}
	starting := limits.Starting
	if starting == 0 {
		starting = l.window
	}
	if limits.Connections > 0 && l.conns >= limits.Connections || l.opening >= starting || l.conns > 0 && l.sinceOpen < l.limits.MinMessages {
		return nil, never, Crowded
	}
	return p.choose(at, b)
}
