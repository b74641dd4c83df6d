package schedule

import (
	"net/netip"
	"slices"
	"time"
)

// Totals are the numbers of the whole plan.
type Totals struct {
	Waiting, InHand                     int // items
	Connections, Opening, Idle, Closing int // connections: all, and those that are not at work
	Sites, Groups                       int
	Lookups                             int // asked for and not answered
	Needy                               int // streams that wait for a connection because there are no more
}

// Totals gives the numbers of the whole plan.
func (p *Plan) Totals() Totals {
	return Totals{
		Waiting: p.waiting, InHand: p.inHand,
		Connections: p.conns.n, Opening: p.opening, Idle: p.idle.n, Closing: p.closing,
		Sites: len(p.sites), Groups: len(p.groups), Lookups: p.looking, Needy: p.needy.len(),
	}
}

// LaneStats are the numbers of one lane.
type LaneStats struct {
	Source                     netip.Addr
	Group                      string // the group's name; its limits are those of Key
	Key                        string
	Connections, Opening, Idle int
	Sent                       uint64    // messages handed out since the lane exists
	OfflineUntil               time.Time // zero = it is not
}

// Changed gives the lanes whose numbers have changed since the last call.
func (p *Plan) Changed(now time.Time) []LaneStats {
	at := p.instant(now)
	list := make([]LaneStats, 0, len(p.changed))
	for _, l := range p.changed {
		l.changed = false
		list = append(list, p.stats(at, l))
	}
	clear(p.changed)
	p.changed = p.changed[:0]
	return list
}

func (p *Plan) stats(at int64, l *lane) LaneStats {
	s := LaneStats{
		Source: l.source, Group: l.group.name, Key: l.group.key,
		Connections: l.conns, Opening: l.opening, Idle: l.idle, Sent: l.takes,
	}
	if l.outage.active(at) {
		s.OfflineUntil = p.moment(l.outage.until)
	}
	return s
}

// Explanation is what the plan knows about a site.
type Explanation struct {
	Group   string // empty while it is not resolved
	Targets []Target
	Expires time.Time     // of the route; zero = never, or none
	Looking bool          // a lookup is to be made or on its way
	Failure error         // of the last lookup, while it counts
	Until   time.Time     // so long
	Items   int           // of the site, waiting and in hand
	Backlog int           // said to wait in the local queue
	Waiting int           // of the group
	InHand  int           // of the group
	Room    int           // messages of the group that memory may hold waiting
	Service time.Duration // that a message takes on a connection of the group, smoothed; 0 = not known
	Rate    float64       // messages per second of the group, smoothed
	Lanes   []LaneStats   // of the group, by source
	Outages []error       // of the lanes that are offline, in their order
}

// Explain tells all about one site; false if the plan has not heard of it.
func (p *Plan) Explain(now time.Time, name string) (Explanation, bool) {
	at := p.instant(now)
	s := p.sites[name]
	if s == nil {
		return Explanation{}, false
	}
	x := Explanation{Looking: s.lookup != known, Items: s.n}
	if at < s.failed {
		x.Failure, x.Until = s.failure, p.moment(s.failed)
	}
	for _, pl := range s.places {
		x.Backlog += pl.backlog
	}
	g := s.group
	if g == nil {
		return x, true
	}
	if s.expires != never {
		x.Expires = p.moment(s.expires)
	}
	x.Group, x.Targets, x.Waiting, x.InHand, x.Room = g.name, g.targets, g.waiting, g.inHand, g.room(at)
	x.Service, x.Rate = time.Duration(g.service), g.rate
	for _, l := range g.lanes {
		x.Lanes = append(x.Lanes, p.stats(at, l))
	}
	slices.SortFunc(x.Lanes, func(a, b LaneStats) int { return a.Source.Compare(b.Source) })
	for _, l := range x.Lanes {
		if o := g.lanes[l.Source].outage; o.active(at) {
			x.Outages = append(x.Outages, o.err)
		}
	}
	return x, true
}
