package schedule

import (
	"cmp"
	"time"
)

// Add gives the plan an item. What it does not queue it does not hold.
func (p *Plan) Add(now time.Time, it Item) Verdict {
	at := p.instant(now)
	switch {
	case p.stopped:
		return Verdict{Kind: Park, Reason: Stopping, Until: now}
	case it.Pool == nil || len(it.Pool.addrs) == 0:
		return Verdict{Kind: Offline, Err: ErrNoFamily}
	}
	s := p.site(it.Site, at)
	pl := s.place(cmp.Or(it.Fed, it.Pool))
	switch {
	case pl == nil:
		return p.add(at, now, s, it)
	case it.Waited:
		pl.came()
		v := p.add(at, now, s, it)
		pl.judge(p, v, it.Retry)
		return v
	case pl.backlog > 0:
		return Verdict{Kind: Park, Reason: Behind, Until: now}
	}
	return p.add(at, now, s, it)
}

func (p *Plan) add(at int64, now time.Time, s *site, it Item) Verdict {
	if at < s.failed {
		return Verdict{Kind: Offline, Err: s.failure}
	}
	if s.group == nil {
		return p.addUnresolved(at, now, s, it)
	}
	if at >= s.expires {
		p.inquire(at, s) // the old route is good enough until the answer comes
	}
	st := s.stream(p, at, it.Pool, it.Class)
	if st.lost(p, at) {
		return Verdict{Kind: Offline, Err: st.err, Source: st.source}
	}
	if why, until := st.holding(p, at); why != NoReason {
		return Verdict{Kind: Park, Reason: why, Until: now, Ends: p.ending(until)}
	}
	if !p.fits(at, st, it.Waited) || st.group.full(p, it.Retry) {
		return Verdict{Kind: Park, Reason: NoRoom, Until: now}
	}
	e := p.entry(at, s, it)
	p.enter(at, e)
	return Verdict{Kind: Queued}
}

func (p *Plan) addUnresolved(at int64, now time.Time, s *site, it Item) Verdict {
	if s.lookup != known && at >= s.since+lookupPatience {
		return Verdict{Kind: Park, Reason: Lookup, Until: now}
	}
	if s.pending.n >= unmeasuredRoom {
		return Verdict{Kind: Park, Reason: NoRoom, Until: now}
	}
	p.inquire(at, s)
	s.pending.push(p.entry(at, s, it))
	return Verdict{Kind: Queued}
}

// slowShare bounds what one site that is slow or unproven may hold: one part in so many of the credit that is left. The
// more such sites there are the less each has, and some is always left for the others (F20).
const slowShare = 8

// fits says whether memory takes one more. What waited has room reserved; fresh mail leaves half to what waits.
func (p *Plan) fits(at int64, st *stream, waited bool) bool {
	if st.stuck && st.queue.n > 0 {
		return false
	}
	g := st.group
	if left := p.options.Memory - p.waiting - p.inHand; p.options.Memory > 0 && g.slow(at) && g.waiting+g.inHand >= max(left/slowShare, 2) {
		return false
	}
	room := g.room(p, at)
	if waited {
		return g.waiting < room
	}
	if g.hungry.len() > 0 || g.reserved > 0 {
		room /= 2
	}
	return g.waiting+g.reserved < room
}

func (p *Plan) entry(at int64, s *site, it Item) *entry {
	e := p.free
	if e == nil {
		e = new(entry)
	} else {
		p.free = e.next
	}
	p.seq++
	*e = entry{item: it, site: s, seq: p.seq, added: at}
	p.items[it.ID] = e
	s.n++
	p.waiting++
	return e
}

// enter puts an entry into the stream of its resolved site.
func (p *Plan) enter(at int64, e *entry) {
	st := e.site.stream(p, at, e.item.Pool, e.item.Class)
	p.put(st, e)
	p.offer(at, st)
}

func (p *Plan) put(st *stream, e *entry) {
	e.stream = st
	st.group.waiting++
	if e.item.Retry {
		st.group.retries++
	}
	st.queue.push(e)
}

// pull takes a waiting entry out of its queue.
func (p *Plan) pull(at int64, e *entry) {
	p.waiting--
	if e.stream == nil {
		e.site.pending.remove(e)
		return
	}
	e.stream.queue.remove(e)
	g := e.stream.group
	g.waiting--
	if e.item.Retry {
		g.retries--
	}
	if g.hungry.len() > 0 {
		p.mayFill(at, g)
	}
}

// end forgets an entry that is in no queue and no hand.
func (p *Plan) end(e *entry) {
	delete(p.items, e.item.ID)
	e.site.n--
	*e = entry{next: p.free}
	p.free = e
}

func (p *Plan) park(at int64, e *entry, why Reason, ends int64) {
	p.todo.Park = append(p.todo.Park, Parked{ID: e.item.ID, Reason: why, Until: p.moment(at), Ends: p.ending(ends)})
	p.pull(at, e)
	p.end(e)
}

// Waits says that the plan has an item which no connection carries.
func (p *Plan) Waits(id uint64) bool {
	e := p.items[id]
	return e != nil && e.conn == nil
}

// Remove takes a waiting item out, for instance because its ticket is stale. It does nothing to one that is in hand,
// nor to one that has ended.
func (p *Plan) Remove(now time.Time, id uint64) bool {
	at := p.instant(now)
	if !p.Waits(id) {
		return false
	}
	e := p.items[id]
	p.pull(at, e)
	p.end(e)
	return true
}

// ending is the end of what holds an item up, for the loop.
func (p *Plan) ending(at int64) time.Time {
	if at == never || at == 0 {
		return time.Time{}
	}
	return p.moment(at)
}
