package schedule

import "net/netip"

// group is the sites that share their servers, often one.
type group struct {
	name    string
	key     string   // for Snapshot.Limits
	targets []Target // all, and by family
	four    []Target
	six     []Target
	limits  bounds // of all lanes together
	bounded uint64 // version of the limits that they come from, 0 = to be reckoned anew
	lanes   map[netip.Addr]*lane
	streams map[streamKey]*stream

	members         roll[member] // sites that lead here
	waiting, inHand int
	retries         int // of those that wait
	reserved        int // asked for with Refill and not yet come
	conns           int
	events          uint64 // raised by whatever may let a dial through that was refused
	service         int64  // time that a message takes on a connection, smoothed; 0 = unmeasured
	moved           int64  // a message ended then, or the first of those in hand was handed out
	lastDial        int64
	keep            int64 // not forgotten before, for its outages

	rate    float64 // messages per second, smoothed
	counted int     // since
	since   int64

	hungry  fifo[*place] // places that have waiting mail
	filling bool

	timer      timer   // to be forgotten
	allLanes   []*lane // in the order of their making
	allStreams roll[*stream]
	index      int  // among all groups
	reviewed   bool // is to be: it stands in the list of that name
}

type streamKey struct {
	pool  *Pool
	class Class
}

func (p *Plan) group(r Route, s *site) *group {
	name := r.Group
	if name == "" {
		name = s.name
	}
	g := p.groups[name]
	if g == nil {
		g = &group{name: name, key: r.Limits, lanes: make(map[netip.Addr]*lane), streams: make(map[streamKey]*stream)}
		if g.key == "" {
			g.key = s.name
		}
		p.groups[name] = g
		p.allGroups.add(g)
	}
	g.lead(r.Targets)
	return g
}

// lead gives a group its targets. What was held up by limits of the old ones is looked at anew.
func (g *group) lead(targets []Target) {
	g.targets, g.four, g.six = targets, nil, nil
	g.bounded = 0
	g.events++
	for _, st := range g.allStreams {
		st.held = NoReason
	}
	for _, t := range targets {
		if t.Addr.Is4() {
			g.four = append(g.four, t)
		} else {
			g.six = append(g.six, t)
		}
	}
}

// reachable are the targets that a source can reach by its family.
func (g *group) reachable(source netip.Addr) []Target {
	switch {
	case !source.IsValid(): // the kernel chooses
		return g.targets
	case source.Is4():
		return g.four
	}
	return g.six
}

func (p *Plan) lane(g *group, source netip.Addr) *lane {
	l := g.lanes[source]
	if l == nil {
		p.lanes++
		l = &lane{group: g, source: source, window: 1, idle: connList{by: byLane}}
		g.bounded = 0
		g.lanes[source] = l
		g.allLanes = append(g.allLanes, l)
	}
	return l
}

// measure counts a message that has ended.
func (g *group) measure(at, took int64) {
	if g.service == 0 {
		g.service = max(took, 1)
	} else {
		g.service = max(g.service+(took-g.service)/8, 1)
	}
	if at-g.since > minute {
		g.rate, g.counted, g.since = 0, 0, at
	}
	g.counted++
	g.moved = at
	if span := at - g.since; span >= second/4 {
		now := float64(g.counted) * float64(second) / float64(span)
		g.rate += (now - g.rate) / 2
		g.counted, g.since = 0, at
	}
}

const (
	stallTime   = 10 * second // nothing has ended for so long: what was measured says nothing any more
	slowService = 5 * second
)

// pace is the time that a message takes on a connection; 0 = not known.
func (g *group) pace(at int64) int64 {
	if g.inHand > 0 && at-g.moved > max(stallTime, 2*g.service) {
		return 0
	}
	return g.service
}

// slow says that nothing good is known of the group: it gets a smaller share of scarce connections.
func (g *group) slow(at int64) bool {
	service := g.pace(at)
	return service == 0 || service > slowService
}

// Connections that a group gets while nothing good is known of it: a receiver that takes connections and never ends a
// message must not swallow all credit (F20).
const (
	unprovenConns = 4
	slowConns     = 50 // unless its limit says otherwise
)

// kept says that the group is to have no more connections until it is known to be fast.
func (g *group) kept(at int64) bool {
	switch service := g.pace(at); {
	case service == 0:
		return g.conns >= unprovenConns
	case service > slowService:
		return g.limits.connections == 0 && g.conns >= slowConns
	}
	return false
}

// remembers is how long what the group knows counts: outages, floods, and what is booked ahead.
func (g *group) remembers() int64 {
	until := g.keep
	for _, l := range g.allLanes {
		until = max(until, l.messages.due, l.connects.due, l.bytes.due)
		for _, r := range l.remotes {
			until = max(until, r.booked())
		}
		if l.tide != nil {
			until = max(until, l.tide.end())
		}
	}
	return until
}

// due is called when a group may be forgotten.
func (g *group) due(p *Plan, at int64) { p.forget(at, g) }
