package outbox

import (
	"context"
	"net/netip"
	"time"

	"posthoorn/internal/localqueue"
	"posthoorn/internal/schedule"
	"posthoorn/internal/stats"
)

// Load is what there is at one moment: in all, by own address, and by destination as the plan has it. What waits on disk
// counts for every address that it may leave from.
func (e *Engine) Load(ctx context.Context) (all stats.Gauges, sources map[netip.Addr]stats.Gauges, destinations map[string]stats.Gauges, err error) {
	sites := map[string]schedule.Load{}
	all, sources, err = e.loads(ctx, sites)
	if err != nil {
		return all, nil, nil, err
	}
	destinations = make(map[string]stats.Gauges, len(sites))
	for name, l := range sites {
		destinations[name] = gauges(l)
	}
	parked := map[string]int{} // by the name of a set of addresses: there are few of them, and many places
	for _, p := range e.o.Waiting.Places() {
		g := destinations[p.Place.Destination]
		g.Parked += p.Count - p.InHand
		all.Parked += p.Count - p.InHand
		destinations[p.Place.Destination] = g
		parked[p.Place.Sources] += p.Count - p.InHand
	}
	for key, n := range parked {
		e.parkedAt(sources, key, n)
	}
	return all, sources, destinations, nil
}

// parkedAt counts messages that wait for the addresses of a set.
func (e *Engine) parkedAt(sources map[netip.Addr]stats.Gauges, key string, n int) {
	list, pinned := e.sourcesAt(localqueue.Place{Sources: key})
	if pinned.IsValid() {
		list = []netip.Addr{pinned}
	}
	for _, ip := range list {
		g := sources[ip]
		g.Parked += n
		sources[ip] = g
	}
}

// Gauges is Load without destinations, and without what waits by address: it is cheap enough for every second.
func (e *Engine) Gauges(ctx context.Context) (all stats.Gauges, sources map[netip.Addr]stats.Gauges, err error) {
	all, sources, err = e.loads(ctx, nil)
	all.Parked = e.o.Waiting.Parked()
	return all, sources, err
}

func (e *Engine) loads(ctx context.Context, sites map[string]schedule.Load) (all stats.Gauges, sources map[netip.Addr]stats.Gauges, err error) {
	loads := map[netip.Addr]schedule.Load{}
	err = e.inLoop(ctx, func(time.Time) {
		e.loop.plan.Loads(loads, sites)
		t := e.loop.plan.Totals()
		all = stats.Gauges{
			Memory: len(e.loop.items) + e.loop.aside, Opening: t.Opening, Idle: t.Idle, Active: t.Connections - t.Opening - t.Idle,
		}
	})
	sources = make(map[netip.Addr]stats.Gauges, len(loads))
	for addr, l := range loads {
		if addr.IsValid() {
			sources[addr] = gauges(l)
		}
	}
	return all, sources, err
}

func gauges(l schedule.Load) stats.Gauges {
	return stats.Gauges{Memory: l.Items, Opening: l.Opening, Active: l.Active, Idle: l.Idle}
}

// Unreachable are the destinations with at least so many messages whose servers cannot be had now.
func (e *Engine) Unreachable(ctx context.Context, least int) (names []string, err error) {
	err = e.inLoop(ctx, func(now time.Time) { names = e.loop.plan.Unreachable(now, least) })
	return names, err
}
