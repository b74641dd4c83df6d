package schedule

import (
	"net/netip"
	"slices"
	"time"

	"posthoorn/internal/settings"
)

// lane is a source address towards a group: counters and connections.
type lane struct {
	group   *group
	source  netip.Addr
	limits  settings.Limits
	version uint64 // of the limits, 0 = to be read again

	conns, opening, closing   int
	idle                      connList
	window                    int   // dials at a time while unlimited: doubles with each round that succeeds
	sinceOpen                 int   // messages handed out since the newest connection was opened
	pause                     int64 // no dial before
	pauseLast                 time.Duration
	messages, connects, bytes bucket
	takes                     uint64 // messages handed out
	lastTake, lastDial        int64
	lastEnd                   int64 // of a message
	silent                    int64 // nothing is sent before: floods
	tide                      *tide // floods that hold; nil = none
	outage                    outage
	sessionMax                int // messages that the peer takes per session, learned
	sessionUntil              int64
	remotes                   map[netip.Addr]*remote
	berths                    []*berth
	claim                     *stream // has no connection because other classes have all that are allowed
	timer                     timer
	changed                   bool
}

// berth is where the connections of one class lie in a lane.
type berth struct {
	lane          *lane
	class         Class
	docks         []*dock
	open, opening int
	idle          int
	outage        outage                 // the class cannot be had there
	refused       map[netip.Addr]trouble // addresses that do not offer what the class demands
	paused        []netip.Addr           // addresses that its mail must not go to
	version       uint64                 // of those
	streams       []*stream
}

// current are the limits that hold now.
func (l *lane) current(p *Plan) *settings.Limits {
	if l.version != p.version {
		l.limits = p.snap.Limits(l.source, l.group.key, l.tide.ids())
		l.version = p.version
		l.group.bounded = 0
	}
	return &l.limits
}

// Bounds of what the limits leave open.
const (
	longIdle  = 5 * minute // RFC 5321 section 4.5.3.2.7: a server may close then
	leastTime = time.Second
)

// idleTime is how long a connection may be idle; where nobody has said it, as long as servers keep it.
func (l *lane) idleTime(p *Plan) int64 {
	if t := l.current(p).IdleTime; t > 0 {
		return min(int64(t), longIdle*12)
	}
	return longIdle
}

// offlineTime is how long what has failed is left alone at first; no time at all would be a loop.
func (l *lane) offlineTime(p *Plan) time.Duration {
	return min(max(l.current(p).Offline, leastTime), 30*24*time.Hour)
}

// ready is when the lane may send the next message, by its rates and floods.
func (l *lane) ready(p *Plan, at int64) int64 {
	limits := l.current(p)
	return max(l.silent, l.messages.ready(at, int64(limits.Domain.Messages)), l.bytes.ready(at, limits.Domain.Bytes))
}

// worn says that c has carried what it may.
func (l *lane) worn(p *Plan, at int64, c *conn) bool {
	limits := l.current(p)
	return limits.ConnMessages > 0 && c.messages >= limits.ConnMessages ||
		limits.ConnBytes > 0 && c.bytes >= limits.ConnBytes ||
		l.sessionMax > 0 && at < l.sessionUntil && c.messages >= l.sessionMax
}

// due is called when a rate lets the next message through.
func (l *lane) due(p *Plan, at int64) {
	for l.idle.n > 0 {
		if ready := l.ready(p, at); ready > at {
			if ready != never {
				p.timers.arm(&l.timer, l, ready)
			}
			return
		}
		c, e, when := l.next(p, at)
		if c == nil {
			if when != never {
				p.timers.arm(&l.timer, l, when)
			}
			return
		}
		if p.ends(at, c) { // the limits have changed, and Todo has not been called yet
			p.close(c)
			continue
		}
		p.hand(at, c, e)
	}
}

// next is the item that goes next over an idle connection of the lane, and over which; or when the rate of an address
// lets one go.
func (l *lane) next(p *Plan, at int64) (*conn, *entry, int64) {
	var c *conn
	var best *entry
	when := never
	for _, b := range l.berths {
		if b.idle == 0 {
			continue
		}
		e := b.next()
		if e == nil || best != nil && !e.before(best) {
			continue
		}
		on, ready := b.pick(p, at)
		if on == nil {
			when = min(when, ready)
			continue
		}
		c, best = on, e
	}
	return c, best, when
}

// pick is the idle connection that carries the next item: the one idle longest where messages are to be spread, or else
// the one used last, so that the others can end. Without any whose address may have one it says when one may.
func (b *berth) pick(p *Plan, at int64) (*conn, int64) {
	spread := b.lane.current(p).Spread
	var best *conn
	when := never
	for _, d := range b.docks {
		if d.idle.n == 0 {
			continue
		}
		if ready := d.ready(p, at); ready > at {
			when = min(when, ready)
			continue
		}
		c := d.idle.last
		if spread {
			c = d.idle.first
		}
		if best == nil || spread == (c.idleSince < best.idleSince) {
			best = c
		}
	}
	return best, when
}

// next is the item that goes next over a connection of the berth.
func (b *berth) next() *entry {
	var best *entry
	for _, st := range b.streams {
		if e := st.queue.first(); e != nil && (best == nil || e.before(best)) {
			best = e
		}
	}
	return best
}

// down says whether the lane cannot be used for the class now, and why.
func (l *lane) down(p *Plan, at int64, b *berth) *outage {
	if b != nil {
		b.refresh(p)
	}
	switch {
	case l.outage.active(at):
		return &l.outage
	case b != nil && b.outage.active(at):
		return &b.outage
	}
	return nil
}

func (l *lane) berth(c Class) *berth {
	for _, b := range l.berths {
		if b.class == c {
			return b
		}
	}
	return nil
}

// live counts the connections that are open or opening; those that say QUIT do not count.
func (l *lane) live() int { return l.conns - l.closing }

// touch notes that the lane's numbers have changed.
func (p *Plan) touch(l *lane) {
	if !l.changed {
		l.changed = true
		p.changed = append(p.changed, l)
	}
}

func (b *berth) drop(st *stream) {
	for i, other := range b.streams {
		if other == st {
			b.streams = append(b.streams[:i], b.streams[i+1:]...)
			break
		}
	}
	if l := b.lane; len(b.streams) == 0 && b.open+b.opening == 0 {
		l.berths = slices.DeleteFunc(l.berths, func(other *berth) bool { return other == b })
	}
}
