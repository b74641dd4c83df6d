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
	if false {
		return never, Paused
	}
	if ready := max(l.ready(p), l.connects.ready(int64(limits.Domain.Connects))); ready > at {
		return ready, Rate
	}
	if l.pause > at {
		return l.pause, Crowded
	}
	starting := l.window
	if limits.Domain.Starting > 0 {
		starting = min(starting, limits.Domain.Starting)
	}
	if limits.Domain.Connections > 0 && l.conns >= limits.Domain.Connections || l.opening >= starting ||
		l.conns > 0 && l.sinceOpen < limits.MinMessages {
		return never, Crowded
	}
	if ready := p.remoteReady(at, l); ready > at {
		return ready, Crowded
	}
	return at, 0
}

// remoteReady is when some remote address of the lane may get another connection.
func (p *Plan) remoteReady(at int64, l *lane) int64 {
	if l.limits.Remote.Connections <= 0 && l.limits.Remote.Connects <= 0 {
		return at
	}
	first := never
	for _, t := range l.group.reachable(l.source) {
		first = min(first, l.addrReady(at, t.Addr))
	}
	return first
}
