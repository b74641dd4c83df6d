package schedule

import (
	"maps"
	"net/netip"
	"slices"
)

// remote counts what a lane does to one address of its group.
type remote struct {
	addr                          netip.Addr
	conns, opening, idle, closing int // conns: all of them
	messages, connects, bytes     bucket
	takes                         uint64
	strikes                       int // strange ends in a row
	trouble                       trouble
	odd                           int64 // its connections end until then: it behaves strangely
}

// trouble is why an address is tried last, or not at all before all others have been tried.
type trouble struct {
	since, until int64
	err          error
}

// spent says that the address has failed in this round of dials.
func (t *trouble) spent(at, round int64) bool { return at < t.until && t.since >= round }

// ready is when the lane may send the next message to this address, by the rates for it.
func (r *remote) ready(p *Plan, at int64, l *lane) int64 {
	limits := &l.current(p).Remote
	if limits.Messages == 0 && limits.Bytes == 0 {
		return at
	}
	return max(at, r.messages.ready(at, int64(limits.Messages)), r.bytes.ready(at, limits.Bytes))
}

// manyRemotes is how many addresses a lane remembers, beside those that its group has now, for what is booked ahead.
const manyRemotes = 1000

// remote is the address's counters. When there are many, those of addresses that the group has no more are dropped, but while
// their rates count: a server that changes its addresses may come back to them.
func (l *lane) remote(at int64, addr netip.Addr) *remote {
	if r := l.remotes[addr]; r != nil {
		return r
	}
	if l.remotes == nil {
		l.remotes = make(map[netip.Addr]*remote)
	}
	if n := len(l.remotes) - 2*len(l.group.targets); n >= 16 {
		maps.DeleteFunc(l.remotes, func(a netip.Addr, r *remote) bool {
			return r.conns == 0 && (r.booked() <= at || n >= manyRemotes) && !l.group.has(a)
		})
	}
	r := &remote{addr: addr}
	l.remotes[addr] = r
	return r
}

// booked is until when the rates of the address count.
func (r *remote) booked() int64 { return max(r.messages.due, r.connects.due, r.bytes.due) }

func (g *group) has(addr netip.Addr) bool {
	return slices.ContainsFunc(g.targets, func(t Target) bool { return t.Addr == addr })
}

// dock is where the connections of a berth to one address lie.
type dock struct {
	berth  *berth
	remote *remote
	conns  int // open and opening
	idle   connList
}

// ready is when a connection of the dock may carry a message, as far as its address is concerned.
func (d *dock) ready(p *Plan, at int64) int64 {
	if d.berth.shuns(p, d.remote.addr) {
		return never
	}
	return d.remote.ready(p, at, d.berth.lane)
}

// moor puts a connection into the dock of an address.
func (b *berth) moor(c *conn, r *remote) {
	i := slices.IndexFunc(b.docks, func(d *dock) bool { return d.remote == r })
	if i < 0 {
		i = len(b.docks)
		b.docks = append(b.docks, &dock{berth: b, remote: r, idle: connList{by: byDock}})
	}
	c.dock, c.remote = b.docks[i], r
	c.dock.conns++
}

// cast takes a connection out of its dock; it still counts for its address.
func (b *berth) cast(c *conn) {
	d := c.dock
	c.dock = nil
	if d.conns--; d.conns == 0 {
		b.docks = slices.DeleteFunc(b.docks, func(other *dock) bool { return other == d })
	}
}

// ready is when one of the berth's connections may carry a message; never if it has none that can.
func (b *berth) ready(p *Plan, at int64) int64 {
	first := never
	for _, d := range b.docks {
		if first = min(first, d.ready(p, at)); first <= at {
			break
		}
	}
	return max(first, b.lane.ready(p, at))
}

// shuns says that mail of the class must not go to an address.
func (b *berth) shuns(p *Plan, addr netip.Addr) bool {
	b.refresh(p)
	return len(b.paused) > 0 && slices.Contains(b.paused, addr)
}

// refresh reads the paused addresses. Where they have changed, an outage that came of trying only the others is over.
func (b *berth) refresh(p *Plan) {
	if b.version == p.version {
		return
	}
	b.version = p.version
	if paused := p.snap.PausedRemotes(b.lane.source, b.class); !slices.Equal(paused, b.paused) {
		b.paused = slices.Clone(paused)
		b.lane.outage.reconsider()
		b.outage.reconsider()
	}
}
