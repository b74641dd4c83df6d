package schedule

import (
	"net/netip"
	"slices"
	"time"
)

// Load is what there is in memory, and the connections for it.
type Load struct {
	Items   int // waiting and in hand
	Opening int // connections that are being set up
	Active  int // open ones with work, and closing ones
	Idle    int // open ones without
}

func (a *Load) add(l *lane) {
	a.Opening += l.opening
	a.Idle += l.idle.n
	a.Active += l.conns - l.opening - l.idle.n
}

// Loads adds up what there is by own address and by site. What waits counts for every address that it may leave from, and what is in
// hand as one for each connection with work. The connections of a site are those of its group. Sites may be nil.
func (p *Plan) Loads(sources map[netip.Addr]Load, sites map[string]Load) {
	for _, g := range p.groups {
		all := g.loads(sources)
		for i := range g.members {
			if s := g.members[i].site; sites != nil && (s.n > 0 || all != Load{}) {
				sites[s.name] = Load{s.n, all.Opening, all.Active, all.Idle}
			}
		}
	}
	if sites == nil {
		return // there may be very many
	}
	for name, s := range p.sites {
		if s.group == nil && s.n > 0 {
			sites[name] = Load{Items: s.n}
		}
	}
}

func (g *group) loads(sources map[netip.Addr]Load) (all Load) {
	for _, l := range g.allLanes {
		own, one := sources[l.source], Load{}
		one.add(l)
		own.Items += one.Active
		own.Opening, own.Active, own.Idle = own.Opening+one.Opening, own.Active+one.Active, own.Idle+one.Idle
		sources[l.source] = own
		all.add(l)
	}
	for _, st := range g.allStreams {
		for _, addr := range st.pool.addrs {
			own := sources[addr]
			own.Items += st.queue.n
			sources[addr] = own
		}
	}
	return all
}

// Unreachable are the sites, sorted, for which at least so many messages are here or said to wait and whose servers cannot be had from
// any address now.
func (p *Plan) Unreachable(now time.Time, least int) []string {
	at := p.instant(now)
	var names []string
	for name, s := range p.sites {
		if s.group != nil && s.group.down(at) && s.n+s.backlog() >= least {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (s *site) backlog() (n int) {
	for _, pl := range s.places {
		n += pl.backlog
	}
	return n
}

// down says that no lane can be used.
func (g *group) down(at int64) bool {
	return len(g.allLanes) > 0 && !slices.ContainsFunc(g.allLanes, func(l *lane) bool { return !l.outage.active(at) })
}
