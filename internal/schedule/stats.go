package schedule

import (
	"iter"
	"maps"
	"net/netip"
	"time"
)

// Totals are the numbers of the whole plan.
type Totals struct {
	Waiting, InHand                     int // items
	Connections, Opening, Idle, Closing int // connections: all, and those that are not at work
	Sites, Groups, Lanes                int
	Lookups                             int // asked for and not answered
	Needy                               int // streams that wait for a connection because there are no more
}

// Totals gives the numbers of the whole plan.
func (p *Plan) Totals() Totals {
	return Totals{
		Waiting: p.waiting, InHand: p.inHand,
		Connections: p.conns.n, Opening: p.opening, Idle: p.idle.n, Closing: p.closing,
		Sites: len(p.sites), Groups: len(p.groups), Lanes: p.lanes, Lookups: p.looking, Needy: p.needy.len(),
	}
}

// LaneStats are the numbers of one lane.
type LaneStats struct {
	Source       netip.Addr `json:"source"`
	Group        string     `json:"group"` // the group's name; its limits are those of Key
	Key          string     `json:"key"`
	Connections  int        `json:"connections"` // all: open, opening and closing
	Opening      int        `json:"opening"`
	Idle         int        `json:"idle"`
	Closing      int        `json:"closing"`
	Sent         uint64     `json:"sent"`                   // messages handed out since the lane exists
	OfflineUntil time.Time  `json:"offline_until,omitzero"` // zero = it is not
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
		Connections: l.conns, Opening: l.opening, Idle: l.idle.n, Closing: l.closing, Sent: l.takes,
	}
	if l.outage.active(at) {
		s.OfflineUntil = p.moment(l.outage.until)
	}
	return s
}

// Sites are the names of all sites that the plan knows, in no order. The plan must not be changed meanwhile.
func (p *Plan) Sites() iter.Seq[string] { return maps.Keys(p.sites) }
