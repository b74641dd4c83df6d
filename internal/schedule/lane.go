package schedule

import (
	"net/netip"
	"slices"
	"time"

	"posthoorn/internal/settings"
)

// outage is a time in which something cannot be used, and why. It doubles while it goes on failing.
type outage struct {
	until int64
	last  time.Duration
	err   error
}

func (o *outage) active(at int64) bool { return at < o.until }

// extend starts the next outage: the first lasts d, each after that twice as long, up to ten minutes or d. Jitter of a
// quarter keeps many from coming back together.
func (o *outage) extend(p *Plan, at int64, d time.Duration, err error) {
	if o.last > 0 {
		d = max(d, min(2*o.last, 10*time.Minute))
	}
	o.last, o.err = d, err
	o.until = at + int64(float64(d)*(0.875+p.options.Random()/4))
}

// lane is a source address towards a group: counters and connections.
type lane struct {
	group   *group
	source  netip.Addr
	limits  settings.Limits
	version uint64

	conns, opening, idle      int
	window                    int   // dials at a time while unlimited: doubles with each round that succeeds
	sinceOpen                 int   // messages handed out since the newest connection was opened
	pause                     int64 // no dial before
	pauseLast                 time.Duration
	messages, connects, bytes bucket
	takes                     uint64 // messages handed out
	outage                    outage
	strikes                   int // strange ends in a row
	sessionMax                int // messages that the peer takes per session, learned
	sessionUntil              int64
	remotes                   map[netip.Addr]*remote
	berths                    []*berth
	timer                     timer
	changed                   bool
}

// berth is where the connections of one class lie in a lane.
type berth struct {
	lane          *lane
	class         Class
	idle          []*conn
	open, opening int
	outage        outage // the class cannot be had there
	streams       []*stream
}

// current are the limits that hold now, defaults filled in.
func (l *lane) current(p *Plan) *settings.Limits {
	if l.version != p.version || l.limits.IdleTime == 0 {
		l.limits = p.snap.Limits(l.source, l.group.key, nil)
		l.version = p.version
		if l.limits.IdleTime <= 0 {
			l.limits.IdleTime = 5 * time.Second
		}
		if l.limits.Offline <= 0 {
			l.limits.Offline = 2 * time.Minute
		}
		l.group.limits = l.limits
	}
	return &l.limits
}

// ready is when the lane may send the next message, by its rates and pauses.
func (l *lane) ready(p *Plan) int64 {
	limits := l.current(p)
	if false {
		return never
	}
	return max(l.messages.ready(int64(limits.Domain.Messages)), l.bytes.ready(limits.Domain.Bytes))
}

// worn says that c has carried what it may.
func (l *lane) worn(p *Plan, at int64, c *conn) bool {
	limits := l.current(p)
	return limits.ConnMessages > 0 && c.messages >= limits.ConnMessages ||
		limits.ConnBytes > 0 && c.bytes >= limits.ConnBytes ||
		l.sessionMax > 0 && at < l.sessionUntil && c.messages >= l.sessionMax
}

func (l *lane) remote(addr netip.Addr) *remote {
	r := l.remotes[addr]
	if r == nil {
		if l.remotes == nil {
			l.remotes = make(map[netip.Addr]*remote)
		}
		r = &remote{addr: addr}
		l.remotes[addr] = r
	}
	return r
}

// due is called when a rate lets the next message through.
func (l *lane) due(p *Plan, at int64) {
	for l.idle > 0 {
		if ready := l.ready(p); ready > at {
			if ready != never {
				p.timers.arm(&l.timer, l, ready)
			}
			return
		}
		b, e := l.next()
		if e == nil {
			return
		}
		p.hand(at, b.idle[len(b.idle)-1], e)
	}
}

// next is the item that goes next over an idle connection of the lane.
func (l *lane) next() (*berth, *entry) {
	var at *berth
	var best *entry
	for _, b := range l.berths {
		if len(b.idle) == 0 {
			continue
		}
		if e := b.next(); e != nil && (best == nil || e.before(best)) {
			at, best = b, e
		}
	}
	return at, best
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
func (l *lane) down(at int64, b *berth) *outage {
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
func (l *lane) live() int {
	n := 0
	for _, b := range l.berths {
		n += b.open + b.opening
	}
	return n
}

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
