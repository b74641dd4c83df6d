package schedule

import (
	"net/netip"
	"slices"
	"time"
)

// Backlog says how many messages of a place (a site and a set of addresses) wait in the local queue and may start now.
// While there are some, fresh mail of the place is parked behind them, and Todo.Refill asks for them as memory has
// room. It is to be called when messages become due or have been parked; a count that is a little old does no harm.
func (p *Plan) Backlog(now time.Time, name string, pool *Pool, n int) {
	at := p.instant(now)
	s := p.site(name, at)
	pl := s.place(pool)
	if pl == nil {
		if n <= 0 {
			return
		}
		pl = &place{site: s, pool: pool}
		s.places = append(s.places, pl)
	}
	pl.backlog = max(n, 0)
	p.seeTo(at, pl)
}

// Refilled answers a Refill, after its items have been added: so many are left of the place, as in Backlog. Until then
// the place is not asked for more. moved says that the place is rid of something that did not come to Add: it was settled,
// or filed under another place.
func (p *Plan) Refilled(now time.Time, name string, pool *Pool, left int, moved bool) {
	at := p.instant(now)
	pl := p.site(name, at).place(pool)
	if pl == nil {
		return
	}
	pl.backlog = max(left, 0)
	pl.took = pl.took || moved
	if g := pl.grantor; g != nil {
		defer p.mayFill(at, g) // others may have what this one did not need
	}
	if wait := pl.answered(); wait > 0 && left > 0 {
		p.timers.arm(&pl.timer, pl, at+wait)
		return
	}
	p.seeTo(at, pl)
}

// seeTo drops a place without mail, and lists one that has some.
func (p *Plan) seeTo(at int64, pl *place) {
	switch {
	case pl.backlog == 0 && !pl.listed && !pl.asked:
		p.timers.disarm(&pl.timer)
		pl.site.drop(pl)
	case pl.futile == 0 || pl.timer.index == 0:
		p.list(at, pl)
	}
}

// answered ends a Refill. If all of it came back (what is in front is of a class that cannot start, which only the
// plan knows), the place waits before it is asked again.
func (pl *place) answered() (wait int64) {
	if pl.grantor != nil {
		pl.grantor.reserved -= pl.granted
	}
	switch {
	case !pl.asked:
	case pl.took:
		pl.futile = 0
	default:
		pl.futile = min(pl.futile+1, 5)
		wait = second << pl.futile
	}
	if !pl.met {
		pl.lacks = 0 // what is in front now is of the other kind
	}
	pl.grantor, pl.granted, pl.asked, pl.took, pl.met = nil, 0, false, false, false
	return wait
}

// kind of messages that memory has no room for.
type kind uint8

const (
	firsts kind = iota + 1
	retries
)

// judge notes what became of an item that a Refill has brought.
func (pl *place) judge(p *Plan, v Verdict, retry bool) {
	g, k := pl.site.group, firsts
	if retry {
		k = retries
	}
	switch {
	case v.Kind != Park:
		pl.took = true
	case v.Reason == NoRoom && g != nil && g.full(p, retry):
		pl.lacks = k
	}
	pl.met = pl.met || k == pl.lacks
}

// room is how many of n messages the place should be asked for: where those of one kind came back, no more than there is
// room for of that kind.
func (pl *place) room(p *Plan, g *group, n int) int {
	first, again := g.leftOf(p)
	switch pl.lacks {
	case firsts:
		return min(n, first)
	case retries:
		return min(n, again)
	}
	return n
}

// came counts an item that a Refill has brought.
func (pl *place) came() {
	if pl.granted > 0 {
		pl.granted--
		pl.grantor.reserved--
	}
}

// list puts a place among the hungry of its group; what is to be failed is asked for at once.
func (p *Plan) list(at int64, pl *place) {
	s := pl.site
	switch {
	case pl.listed || pl.asked || pl.backlog == 0 || p.stopped:
	case at < s.failed:
		p.refill(pl, nil, failBatch)
	case s.group == nil:
		p.inquire(at, s)
	default:
		pl.listed = true
		s.group.hungry.push(pl)
		p.mayFill(at, s.group)
	}
}

// failBatch is how many waiting items of a site that cannot be reached are asked for at a time, to get their results.
const failBatch = 100

func (p *Plan) refill(pl *place, g *group, n int) {
	n = min(n, pl.backlog)
	pl.asked = true
	if g != nil {
		pl.grantor, pl.granted = g, n
		g.reserved += n
	}
	p.todo.Refill = append(p.todo.Refill, Refill{Site: pl.site.name, Pool: pl.pool, N: n})
}

// below says that memory is half empty, so that it is worth asking for more.
func (g *group) below(p *Plan, at int64) bool {
	return g.waiting+g.reserved < max(g.room(p, at)/2, 1) && g.left(p) > g.reserved
}

// mayFill notes that the group could take waiting mail.
func (p *Plan) mayFill(at int64, g *group) {
	if !g.filling && g.hungry.len() > 0 && g.below(p, at) {
		g.filling = true
		p.filling.push(g)
	}
}

func (p *Plan) fill(at int64) {
	for p.filling.len() > 0 {
		g := p.filling.pop()
		g.filling = false
		for range g.hungry.len() {
			if !g.below(p, at) || p.stopped {
				break
			}
			p.feed(at, g, g.hungry.pop())
		}
	}
}

// feed asks for items of one place, if they could start soon.
func (p *Plan) feed(at int64, g *group, pl *place) {
	pl.listed = false
	if pl.backlog == 0 {
		pl.site.drop(pl)
		return
	}
	if pl.site.group != g {
		p.list(at, pl)
		return
	}
	if g.unreachable(p, at, pl.pool) {
		p.refill(pl, nil, failBatch)
		return
	}
	when, n := p.outlook(at, g, pl.pool)
	switch {
	case when == never: // Use opens it again
	case when > at+soon:
		p.timers.arm(&pl.timer, pl, when-second)
	case pl.room(p, g, n) <= 0:
		pl.listed = true
		g.hungry.push(pl)
	default:
		p.refill(pl, g, pl.room(p, g, n))
	}
}

// unreachable says that what may leave from the pool would only fail.
func (g *group) unreachable(p *Plan, at int64, pool *Pool) bool {
	for _, st := range g.allStreams {
		if st.pool == pool && st.lost(p, at) {
			return true
		}
	}
	return false
}

// outlook says when items of the pool could start and how many of them memory may take.
func (p *Plan) outlook(at int64, g *group, pool *Pool) (int64, int) {
	n := min(g.room(p, at)-g.waiting, g.left(p)) - g.reserved
	if p.max > 0 && p.conns.n >= p.max && g.conns == 0 {
		n = 1
	}
	for _, st := range g.allStreams {
		if st.pool == pool && st.stuck && st.queue.n > 0 {
			return at + 2*soon, 0
		}
	}
	when, out, rate, free := never, 0, 0, false
	for _, source := range pool.addrs {
		l := g.lanes[source]
		switch end := p.absent(at, g, source); {
		case end > at:
			out++
			when = min(when, end)
		case l == nil:
			return at, n
		default:
			when = min(when, p.prospect(at, l))
			own := l.perMinute(p)
			rate, free = rate+own, free || own == 0 && l.silent == 0
		}
	}
	if rate > 0 && !free {
		n = min(n, max(rate/30, 1)) // others of the group may be faster
	}
	if out == len(pool.addrs) {
		return at, n // it comes to get its results
	}
	return when, n
}

// absent is when a source can be used for a group again; 0 = it can.
func (p *Plan) absent(at int64, g *group, source netip.Addr) int64 {
	if len(g.reachable(source)) == 0 {
		return never
	}
	end := int64(0)
	if o := p.sources[source]; o != nil && o.active(at) {
		end = o.until
	}
	if l := g.lanes[source]; l != nil && l.outage.active(at) {
		end = max(end, l.outage.until)
	}
	return end
}

// prospect is when a lane may send something, to any address, by rates, floods and pauses.
func (p *Plan) prospect(at int64, l *lane) int64 {
	limits := l.current(p)
	ready := l.ready(p, at)
	if l.live() == 0 {
		ready = max(ready, l.connects.ready(at, int64(limits.Domain.Connects)))
	}
	first := never
	paused := p.snap.PausedRemotes(l.source, Class{})
	for _, t := range l.group.reachable(l.source) {
		if slices.Contains(paused, t.Addr) {
			continue
		}
		r := l.remotes[t.Addr]
		if r == nil {
			return ready
		}
		when := r.ready(p, at, l)
		if r.conns == r.closing {
			when = max(when, r.connects.ready(at, int64(limits.Remote.Connects)))
		}
		first = min(first, when)
	}
	return max(ready, first)
}

// due lists a place again whose rate lets it start soon.
func (pl *place) due(p *Plan, at int64) { p.list(at, pl) }

// reopenPerTodo bounds the work after a change of the limits.
const reopenPerTodo = 1000

func (p *Plan) reopenPlaces(s *site) {
	for _, pl := range s.places {
		if !pl.reopening {
			pl.reopening = true
			p.reopened.push(pl)
		}
	}
}

func (p *Plan) reopen(at int64) {
	for range min(p.reopened.len(), reopenPerTodo) {
		pl := p.reopened.pop()
		pl.reopening = false
		if pl.site.place(pl.pool) == pl {
			p.list(at, pl)
		}
	}
}
