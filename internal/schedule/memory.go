package schedule

import "posthoorn/internal/settings"

// bounds are what the limits of a group's lanes come to for the group as a whole; 0 = unlimited.
type bounds struct {
	perMinute              int  // messages, all lanes together
	connections            int  // likewise
	memory, first, retries int  // messages waiting: the lowest of all; the built-in default of memory is no limit
	remote                 bool // remote addresses have rates
}

// bounds reckons anew when a lane has read other limits.
func (g *group) bounds(p *Plan) *bounds {
	if g.bounded == p.version {
		return &g.limits
	}
	sum := bounds{}
	free, open := false, false
	for _, l := range g.allLanes {
		limits := l.current(p)
		rate := l.perMinute(p)
		conns := lower(limits.Domain.Connections, limits.Remote.Connections*len(g.reachable(l.source)))
		sum.perMinute, sum.connections = sum.perMinute+rate, sum.connections+conns
		free, open = free || rate == 0 && l.silent == 0, open || conns == 0
		sum.memory, sum.first, sum.retries = lower(sum.memory, written(limits)), lower(sum.first, limits.MemoryFirst), lower(sum.retries, limits.MemoryRetries)
		sum.remote = sum.remote || limits.Remote.Messages > 0 || limits.Remote.Bytes > 0
	}
	if free {
		sum.perMinute = 0
	}
	if open {
		sum.connections = 0
	}
	g.limits, g.bounded = sum, p.version
	return &g.limits
}

// written is the limit of messages waiting that somebody has set. The built-in one gives way to what a fast destination sends.
func written(l *settings.Limits) int {
	if l.Memory == defaultRoom {
		return 0
	}
	return l.Memory
}

// perMinute is the rate of messages that the lane's limits allow at best; 0 = any, or none while a flood pauses it.
func (l *lane) perMinute(p *Plan) int {
	limits := l.current(p)
	if l.silent > 0 {
		return 0
	}
	return lower(limits.Domain.Messages, limits.Remote.Messages*len(l.group.reachable(l.source)))
}

// lower is the lower of two limits, of which 0 is none.
func lower(a, b int) int {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

// Bounds of the memory of one destination.
const (
	unmeasuredRoom = 16  // while it is not known how fast it is
	defaultRoom    = 500 // what its speed may bring it to, unless it sends more than that in a second
)

// room is how many messages of the group may wait in memory: with those in hand twice its connections, or what it sends
// in two seconds, whichever is more; but no more than its limits let go in two seconds.
func (g *group) room(p *Plan, at int64) int {
	limits := g.bounds(p)
	fast := unmeasuredRoom
	if service := g.pace(at); service > 0 {
		ability := float64(max(g.conns, 1)) * float64(second) / float64(service)
		fast = int(min(2*max(ability, g.rate), max(defaultRoom, g.rate)))
	}
	n := max(fast, 2*g.conns-g.inHand)
	if limits.perMinute > 0 {
		n = min(n, limits.perMinute/30)
	}
	if limits.memory > 0 {
		n = min(n, limits.memory)
	}
	return max(n, 1)
}

// full says that no other message may wait, of first attempts or retries.
func (g *group) full(p *Plan, retry bool) bool {
	limits := g.bounds(p)
	switch {
	case limits.memory > 0 && g.waiting >= limits.memory:
		return true
	case retry:
		return limits.retries > 0 && g.retries >= limits.retries
	}
	return limits.first > 0 && g.waiting-g.retries >= limits.first
}

// left is how many messages may come from the local queue by the bounds on memory. Which of them are retries is not
// known before: the smaller number that is left is asked for, so that few have to go back.
func (g *group) left(p *Plan) int {
	first, retries := g.leftOf(p)
	if min(first, retries) > 0 {
		return min(first, retries)
	}
	return max(first, retries)
}

// leftOf is how many first attempts and how many retries memory may take.
func (g *group) leftOf(p *Plan) (first, retries int) {
	limits := g.bounds(p)
	n := 1 << 20
	if limits.memory > 0 {
		n = limits.memory - g.waiting
	}
	first, retries = n, n
	if limits.first > 0 {
		first = min(n, limits.first-(g.waiting-g.retries))
	}
	if limits.retries > 0 {
		retries = min(n, limits.retries-g.retries)
	}
	return first, retries
}
