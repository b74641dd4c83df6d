package schedule

import (
	"net/netip"
	"time"

	"posthoorn/internal/settings"
)

// Explanation is what the plan knows about a site. Times that are zero say nothing.
type Explanation struct {
	Site    string        `json:"site"`
	Group   string        `json:"group"` // empty while it is not resolved
	Key     string        `json:"key"`   // of the limits
	Targets []Target      `json:"targets,omitempty"`
	Expires time.Time     `json:"expires,omitzero"`  // of the route; zero = never, or none
	Looking bool          `json:"looking"`           // a lookup is to be made or on its way
	Failure *Trouble      `json:"failure,omitempty"` // of the last lookup, while it counts
	Items   int           `json:"items"`             // of the site, waiting and in hand
	Backlog int           `json:"backlog"`           // said to wait in the local queue
	Waiting int           `json:"waiting"`           // of the group
	Retries int           `json:"retries"`           // of those
	InHand  int           `json:"in_hand"`           // of the group
	Room    int           `json:"room"`              // messages of the group that memory may hold waiting
	Oldest  time.Time     `json:"oldest,omitzero"`   // of what waits in memory for the group: since when
	Service time.Duration `json:"service"`           // that a message takes on a connection of the group, smoothed; 0 = not known
	Rate    float64       `json:"rate"`              // messages per second of the group, smoothed
	Waits   Wait          `json:"waits"`             // what the whole site waits for
	Lanes   []LaneReport  `json:"lanes,omitempty"`   // of the group, by source
}

// Wait says what something waits for, in words.
type Wait struct {
	For   string    `json:"for"`
	Since time.Time `json:"since,omitzero"`
	Next  time.Time `json:"next,omitzero"` // the next moment that anything will happen; zero = only when something else happens first
}

// Trouble is why something cannot be used.
type Trouble struct {
	Error string    `json:"error"`
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until"`
}

// LaneReport is one lane in full.
type LaneReport struct {
	LaneStats
	Waits   Wait            `json:"waits"`
	Limits  settings.Limits `json:"limits"`            // in force
	Next    Moments         `json:"next"`              // by the limits of the whole destination
	Offline *Trouble        `json:"offline,omitempty"` // of the whole lane
	Classes []ClassTrouble  `json:"classes,omitempty"` // classes that cannot be had
	Bind    *Trouble        `json:"bind,omitempty"`    // the source address cannot be used
	Floods  []FloodReport   `json:"floods,omitempty"`
	Remotes []RemoteReport  `json:"remotes,omitempty"`
}

// Moments are when the rates let the next one through; zero = at once.
type Moments struct {
	Message time.Time `json:"message,omitzero"`
	Bytes   time.Time `json:"bytes,omitzero"`
	Connect time.Time `json:"connect,omitzero"`
}

// ClassTrouble is a class of connections that a lane cannot have now.
type ClassTrouble struct {
	Class Class `json:"class"`
	Trouble
}

// FloodReport is a flood pattern that is in force.
type FloodReport struct {
	ID      int64     `json:"id"`
	Name    string    `json:"name"`
	Since   time.Time `json:"since"`
	Paused  time.Time `json:"paused,omitzero"`  // until then nothing is sent; zero = no longer
	Reduced time.Time `json:"reduced,omitzero"` // until then the reduced limits hold
}

// RemoteReport is one remote address of a lane.
type RemoteReport struct {
	Addr        netip.Addr `json:"addr"`
	Connections int        `json:"connections"`
	Opening     int        `json:"opening"`
	Idle        int        `json:"idle"`
	Next        Moments    `json:"next"`
	Offline     *Trouble   `json:"offline,omitempty"` // it is tried last
	Paused      bool       `json:"paused,omitempty"`  // by the operator, at least for some mail
}

// Explain tells all about one site; false if the plan has not heard of it.
func (p *Plan) Explain(now time.Time, name string) (Explanation, bool) {
	at := p.instant(now)
	s := p.sites[name]
	if s == nil {
		return Explanation{}, false
	}
	x := Explanation{Site: name, Looking: s.lookup != known, Items: s.n}
	for _, pl := range s.places {
		x.Backlog += pl.backlog
	}
	if g := s.group; g != nil {
		x.Group, x.Key, x.Targets, x.Waiting, x.InHand, x.Room = g.name, g.key, g.targets, g.waiting, g.inHand, g.room(at)
		x.Service, x.Rate = time.Duration(g.service), g.rate
		for _, l := range g.lanes {
			x.Lanes = append(x.Lanes, LaneReport{LaneStats: p.stats(at, l)})
		}
	}
	return x, true
}
