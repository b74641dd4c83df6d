package schedule

import (
	"net/netip"
	"time"
)

// Calm ends flood pauses and the reduced limits after them, of the lanes that match says: it gets the source address,
// the name of the group and the key of its limits. It returns how many lanes that were. What waits flows at once.
func (p *Plan) Calm(now time.Time, match func(source netip.Addr, group, key string) bool) int {
	at := p.instant(now)
	n := 0
	for _, g := range p.allGroups {
		for _, l := range g.allLanes {
			if l.tide == nil || !match(l.source, g.name, g.key) {
				continue
			}
			clear(l.tide.list)
			l.tide.list = l.tide.list[:0]
			p.relieve(at, l)
			n++
		}
	}
	return n
}

// Retire has the connections from these sources end after their message, for instance because the name of the source
// for EHLO has changed.
func (p *Plan) Retire(now time.Time, match func(source netip.Addr) bool) {
	p.instant(now)
	for i := range p.conns.slots {
		if c := p.conns.slots[i].conn; c != nil && match(c.berth.lane.source) {
			p.retire(c)
		}
	}
}

// retire has a connection end after its message.
func (p *Plan) retire(c *conn) {
	c.last = true
	if c.state == idling {
		p.close(c)
	}
}

// Forget has the route of a site looked up anew by who comes next. What waits for the site comes out in Todo.Park. An
// answer that is on its way is not taken any more, and connections that were for this site alone end.
func (p *Plan) Forget(now time.Time, name string) {
	at := p.instant(now)
	s := p.sites[name]
	if s == nil {
		return
	}
	s.failure, s.failed = nil, 0
	s.stale = s.lookup == asked
	for e := s.pending.first(); e != nil; e = s.pending.first() {
		p.park(at, e, Lookup, 0)
	}
	if g := s.group; g != nil {
		p.empty(at, g, s)
		if len(g.members) == 1 {
			p.retireGroup(g)
		}
		p.leave(at, s)
	}
	p.reopenPlaces(s)
}

// empty parks what waits for one site of a group.
func (p *Plan) empty(at int64, g *group, s *site) {
	var list []*entry
	for _, st := range g.allStreams {
		for _, level := range st.queue.levels {
			for e := level.first; e != nil; e = e.next {
				if e.site == s {
					list = append(list, e)
				}
			}
		}
	}
	for _, e := range list {
		p.park(at, e, Lookup, 0)
	}
}

func (p *Plan) retireGroup(g *group) {
	if g.conns == 0 {
		return
	}
	for i := range p.conns.slots {
		if c := p.conns.slots[i].conn; c != nil && c.berth.lane.group == g {
			p.retire(c)
		}
	}
}

// Expedite ends the outages that stop a site: of its lookup, its lanes, their addresses and classes, and their sources.
// What waits for it is tried at once, as far as limits and pauses allow.
func (p *Plan) Expedite(now time.Time, name string) {
	at := p.instant(now)
	s := p.sites[name]
	if s == nil {
		return
	}
	if at < s.failed {
		s.failure, s.failed = nil, 0
	}
	if g := s.group; g != nil {
		for _, l := range g.allLanes {
			p.revive(l)
		}
		for _, st := range g.allStreams {
			st.down, st.err, st.blocked = 0, nil, 0
			if st.queue.n > 0 {
				p.want(st)
			}
		}
	}
	p.reopenPlaces(s)
}

// revive forgets all that keeps a lane from dialing, but limits, floods and pauses.
func (p *Plan) revive(l *lane) {
	delete(p.sources, l.source)
	l.outage, l.pause, l.pauseLast = outage{}, 0, 0
	for _, r := range l.remotes {
		r.trouble, r.odd = trouble{}, 0
	}
	for _, b := range l.berths {
		b.outage, b.refused = outage{}, nil
	}
	p.touch(l)
}
