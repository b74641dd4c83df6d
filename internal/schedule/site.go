package schedule

import (
	"slices"
	"time"
)

type lookup uint8

const (
	known  lookup = iota // nothing asked
	queued               // to be asked
	asked                // on its way
)

// site is one destination.
type site struct {
	name     string
	group    *group // of the last good answer
	seats    [2]int // among all sites, and among the members of the group
	expires  int64  // then it is looked up anew
	good     int64  // until then the group is what the DNS says
	failure  error  // the last answer was bad, until
	failed   int64
	failedAt int64
	lookup   lookup
	stale    bool  // its answer is not taken: Forget came after it was asked for
	since    int64 // of the lookup
	pending  queue // items that wait for it
	places   []*place
	last     *stream // the stream used last: mostly the next one, too
	n        int     // items
	used     int64
	timer    timer
}

const (
	lookupPatience = 5 * second  // what waits for a lookup longer than this is parked
	idleSite       = 2 * minute  // an unused site is forgotten after this; the resolver remembers longer
	staleRoute     = 60 * minute // a route is used for so long after its time if there is no new one
)

func (p *Plan) site(name string, at int64) *site {
	s := p.sites[name]
	if s == nil {
		s = &site{name: name}
		p.sites[name] = s
		p.allSites.add(s)
		p.timers.arm(&s.timer, s, at+idleSite)
	}
	s.used = at
	return s
}

// inquire has the site looked up, once.
func (p *Plan) inquire(at int64, s *site) {
	if s.lookup == known {
		s.lookup, s.since = queued, at
		p.lookups.push(s)
		p.timers.arm(&s.timer, s, at+lookupPatience)
	}
}

// ask passes lookups on, so many at a time.
func (p *Plan) ask() {
	for p.looking < p.options.Lookups && p.lookups.len() > 0 {
		s := p.lookups.pop()
		if s.n == 0 && len(s.places) == 0 && s.group == nil {
			s.lookup = known // all its items have been parked: whoever comes next asks anew
			continue
		}
		s.lookup = asked
		p.looking++
		p.todo.Lookup = append(p.todo.Lookup, s.name)
	}
}

// Resolved answers a lookup.
func (p *Plan) Resolved(now time.Time, name string, r Route) {
	at := p.instant(now)
	s := p.answered(name, at)
	if p.outdated(at, s) {
		return
	}
	g := p.group(r, s)
	if s.group != g {
		p.leave(at, s)
		s.group, s.last = g, nil
		g.members.add(member{s})
	}
	s.failure, s.failed = nil, 0
	s.expires = never
	if !r.Expires.IsZero() {
		s.expires = max(p.instant(r.Expires), at+second)
	}
	s.good = s.expires
	for e := s.pending.first(); e != nil; e = s.pending.first() {
		if g.full(p, e.item.Retry) {
			p.park(at, e, NoRoom, 0)
			continue
		}
		s.pending.remove(e)
		p.enter(at, e)
	}
	p.reopenPlaces(s)
}

// ResolveFailed answers a lookup that found nothing. Until then the site is not asked for again, and its items fail
// with err; but a temporary failure leaves a route that has been good within the hour in use. err is what comes out in
// Failed and Verdict; it must not be nil.
func (p *Plan) ResolveFailed(now time.Time, name string, err error, until time.Time, temporary bool) {
	at := p.instant(now)
	s := p.answered(name, at)
	if p.outdated(at, s) {
		return
	}
	end := max(p.instant(until), at+second)
	if temporary && s.group != nil && at-staleRoute < s.good {
		s.expires = max(s.expires, end)
		return
	}
	s.failure, s.failed, s.failedAt = err, end, at
	p.leave(at, s)
	for e := s.pending.first(); e != nil; e = s.pending.first() {
		p.fail(at, e, err, noSource)
	}
	p.reopenPlaces(s)
}

func (p *Plan) answered(name string, at int64) *site {
	s := p.site(name, at)
	if s.lookup == asked {
		p.looking--
	}
	if s.lookup != queued {
		s.lookup = known
	}
	return s
}

// outdated says that an answer is not taken, and has the site looked up anew if somebody waits for it.
func (p *Plan) outdated(at int64, s *site) bool {
	if !s.stale {
		return false
	}
	s.stale = false
	if s.pending.n > 0 {
		p.inquire(at, s)
	}
	p.reopenPlaces(s)
	return true
}

// leave takes s out of its group; items of it that are there stay.
func (p *Plan) leave(at int64, s *site) {
	if s.group != nil {
		g := s.group
		g.members.remove(member{s})
		p.forget(at, g)
		s.group, s.last = nil, nil
	}
}

// stream finds where an item of the site waits.
func (s *site) stream(p *Plan, at int64, pool *Pool, class Class) *stream {
	if st := s.last; st != nil && st.pool == pool && st.class == class && !st.dropped {
		return st
	}
	s.last = p.stream(at, s.group, pool, class)
	return s.last
}

// due parks what has waited for a lookup too long, and forgets what is not used.
func (s *site) due(p *Plan, at int64) {
	if s.lookup != known && at >= s.since+lookupPatience {
		for e := s.pending.first(); e != nil; e = s.pending.first() {
			p.park(at, e, Lookup, 0)
		}
	}
	switch {
	case s.lookup != known && at < s.since+lookupPatience:
		p.timers.arm(&s.timer, s, s.since+lookupPatience)
	case s.lookup != known || s.n > 0 || len(s.places) > 0 || at < s.used+idleSite || at < s.failed || s.group != nil && at < s.group.keep:
		p.timers.arm(&s.timer, s, at+idleSite)
	default:
		p.leave(at, s)
		delete(p.sites, s.name)
		p.allSites.remove(s)
	}
}

// forget drops a group that nobody needs, once its limits and troubles say nothing any more.
func (p *Plan) forget(at int64, g *group) {
	if len(g.members) > 0 || g.waiting+g.inHand+g.conns+g.reserved > 0 || p.groups[g.name] != g {
		return
	}
	if until := g.remembers(); until > at {
		p.timers.arm(&g.timer, g, until)
		return
	}
	p.timers.disarm(&g.timer)
	for _, st := range g.allStreams {
		st.dropped = true
		p.timers.disarm(&st.timer)
	}
	for _, l := range g.allLanes {
		p.timers.disarm(&l.timer)
		if l.tide != nil {
			p.timers.disarm(&l.tide.timer)
		}
	}
	p.lanes -= len(g.allLanes)
	delete(p.groups, g.name)
	p.allGroups.remove(g)
}

// place is mail of a site that waits in the local queue and may leave from the same addresses.
type place struct {
	site    *site
	pool    *Pool
	backlog int
	listed  bool // among the hungry of a group
	asked   bool // a Refill is out
	granted int  // of which so many have not come
	grantor *group
	lacks   kind // of those that came back for want of room, …
	met     bool // … of which the last Refill brought some
	took    bool // some of the last Refill did not come back at once
	futile  int  // Refills in a row of which all came back
	timer   timer

	reopening bool // it is to be looked at again: it stands in the list
}

func (s *site) place(pool *Pool) *place {
	for _, pl := range s.places {
		if pl.pool == pool {
			return pl
		}
	}
	return nil
}

func (s *site) drop(pl *place) {
	s.places = slices.DeleteFunc(s.places, func(other *place) bool { return other == pl })
}
