package schedule

import (
	"net/netip"
	"slices"
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
	x.Backlog = s.backlog()
	if at < s.failed {
		x.Failure = &Trouble{Error: s.failure.Error(), Since: p.moment(s.failedAt), Until: p.moment(s.failed)}
	}
	if s.group != nil {
		p.explainGroup(at, s, &x)
	}
	x.Waits = p.waitOfSite(at, s, &x)
	return x, true
}

func (p *Plan) explainGroup(at int64, s *site, x *Explanation) {
	g := s.group
	if s.expires != never {
		x.Expires = p.moment(s.expires)
	}
	x.Group, x.Key, x.Targets = g.name, g.key, g.targets
	x.Waiting, x.Retries, x.InHand, x.Room = g.waiting, g.retries, g.inHand, g.room(p, at)
	x.Service, x.Rate = time.Duration(g.service), g.rate
	oldest := never
	for _, st := range g.allStreams {
		for i := range st.queue.levels {
			if e := st.queue.levels[i].first; e != nil {
				oldest = min(oldest, e.added)
			}
		}
	}
	x.Oldest = p.ending(oldest)
	for _, l := range g.allLanes {
		x.Lanes = append(x.Lanes, p.report(at, l))
	}
	slices.SortFunc(x.Lanes, func(a, b LaneReport) int { return a.Source.Compare(b.Source) })
}

func (p *Plan) report(at int64, l *lane) LaneReport {
	limits := l.current(p)
	r := LaneReport{
		LaneStats: p.stats(at, l), Limits: *limits,
		Next: Moments{
			Message: p.later(at, l.messages.ready(at, int64(limits.Domain.Messages))),
			Bytes:   p.later(at, l.bytes.ready(at, limits.Domain.Bytes)),
			Connect: p.later(at, l.connects.ready(at, int64(limits.Domain.Connects))),
		},
		Offline: p.trouble(at, &l.outage),
	}
	if o := p.sources[l.source]; o != nil {
		r.Bind = p.trouble(at, o)
	}
	for _, b := range l.berths {
		if t := p.trouble(at, &b.outage); t != nil {
			r.Classes = append(r.Classes, ClassTrouble{Class: b.class, Trouble: *t})
		}
	}
	if l.tide != nil {
		for _, f := range l.tide.list {
			r.Floods = append(r.Floods, FloodReport{
				ID: f.id, Name: f.name, Since: p.moment(f.since), Paused: p.later(at, f.pause), Reduced: p.later(at, f.end),
			})
		}
	}
	for _, t := range l.group.reachable(l.source) {
		r.Remotes = append(r.Remotes, p.reportRemote(at, l, t.Addr))
	}
	r.Waits = p.waitOfLane(at, l)
	return r
}

func (p *Plan) reportRemote(at int64, l *lane, addr netip.Addr) RemoteReport {
	x := RemoteReport{Addr: addr}
	for _, b := range l.berths {
		x.Paused = x.Paused || b.shuns(p, addr)
	}
	r := l.remotes[addr]
	if r == nil {
		return x
	}
	limits := &l.limits.Remote
	x.Connections, x.Opening, x.Idle = r.conns, r.opening, r.idle
	x.Next = Moments{
		Message: p.later(at, r.messages.ready(at, int64(limits.Messages))),
		Bytes:   p.later(at, r.bytes.ready(at, limits.Bytes)),
		Connect: p.later(at, r.connects.ready(at, int64(limits.Connects))),
	}
	if t := r.trouble; at < t.until {
		x.Offline = &Trouble{Error: words(t.err), Since: p.moment(t.since), Until: p.moment(t.until)}
	}
	return x
}

func (p *Plan) trouble(at int64, o *outage) *Trouble {
	if !o.active(at) {
		return nil
	}
	return &Trouble{Error: words(o.err), Since: p.moment(o.since), Until: p.moment(o.until)}
}

func words(err error) string {
	if err == nil {
		return "could not be reached"
	}
	return err.Error()
}

// later is the moment if it is yet to come.
func (p *Plan) later(at, when int64) time.Time {
	if when <= at || when == never {
		return time.Time{}
	}
	return p.moment(when)
}
