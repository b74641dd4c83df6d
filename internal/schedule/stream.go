package schedule

import (
	"net/netip"
)

// stream is items of one group, pool and class, waiting.
type stream struct {
	group      *group
	pool       *Pool
	class      Class
	queue      queue
	berths     []*berth // of its pool's lanes, as far as they have been used
	idleBerths int      // of them have idle connections
	conns      int      // open and opening in its berths
	opening    int
	turn       int  // of the pool's addresses, for the next dial
	wanting    bool // stands in the list of that name
	needy      bool
	needySince int64
	squeezed   bool
	short      bool   // and it was so because there is none left
	blocked    int64  // no dial before …
	events     uint64 // … unless something has happened in the group since …
	version    uint64 // … or the limits have changed
	stuck      bool   // was thinned out; it gets no more until it moves
	held       Reason // was emptied for this, Rate or Paused, …
	heldUntil  int64  // … until then, or until the limits change
	heldUnder  uint64 // version of those
	down       int64  // unreachable until, …
	err        error  // why
	source     netip.Addr
	told       uint64 // … unless the limits have changed
	dropped    bool
	index      int // among the streams of the group
	timer      timer
}

var noSource netip.Addr

func (p *Plan) stream(at int64, g *group, pool *Pool, class Class) *stream {
	k := streamKey{pool, class}
	st := g.streams[k]
	if st != nil {
		return st
	}
	st = &stream{group: g, pool: pool, class: class}
	if n := len(pool.addrs); n > 1 {
		st.turn = int(p.options.Random()*float64(n)) % n
	}
	for _, l := range g.allLanes {
		if b := l.berth(class); b != nil && pool.has(l.source) {
			st.attach(b)
		}
	}
	g.streams[k] = st
	g.allStreams.add(st)
	return st
}

func (st *stream) attach(b *berth) {
	st.berths = append(st.berths, b)
	b.streams = append(b.streams, st)
	st.conns += b.open + b.opening
	st.opening += b.opening
	if b.idle > 0 {
		st.idleBerths++
	}
}

// offer tries to give waiting items to idle connections, and sees about new ones for the rest.
func (p *Plan) offer(at int64, st *stream) {
	if st.idleBerths > 0 {
		for _, b := range st.berths {
			if b.idle > 0 {
				b.lane.due(p, at)
			}
		}
	}
	if st.queue.n > 0 {
		p.timers.arm(&st.timer, st, at+soon)
		if !st.barred(p, at) && (p.grows(at, st) || !p.served(at, st)) {
			p.want(st)
		}
	}
}

func (p *Plan) want(st *stream) {
	if !st.wanting && !st.dropped {
		st.wanting = true
		p.wanting.push(st)
	}
}

// barred says that a dial was refused and nothing has changed since.
func (st *stream) barred(p *Plan, at int64) bool {
	return at < st.blocked && st.events == st.group.events && st.version == p.version
}

// lost says that the stream's items cannot get out.
func (st *stream) lost(p *Plan, at int64) bool { return at < st.down && st.told == p.version }

// holding says why and until when nothing of the stream may start, if that is longer than items stay in memory.
func (st *stream) holding(p *Plan, at int64) (Reason, int64) {
	if st.held == NoReason || st.heldUnder != p.version || at+soon >= st.heldUntil {
		return NoReason, 0
	}
	return st.held, st.heldUntil
}

const (
	patienceForConn = 150 * second / 1000 // what waits longer than this wants another connection
	fastService     = 50 * second / 1000
	fastPace        = 25 * second / 1000
)

// grows says whether the stream wants another connection: the first at once; more while what waits would take long over
// those that it has, and never more than it has items. Where a message takes only milliseconds connections come slowly,
// so that a burst is not answered with more of them than help.
func (p *Plan) grows(at int64, st *stream) bool {
	n := st.queue.n
	switch {
	case n <= st.opening:
		return false
	case st.conns == 0:
		return true
	}
	g := st.group
	if g.kept(at) {
		return false
	}
	if g.bounds(p).remote && p.slowed(at, st) {
		return true
	}
	service := g.pace(at)
	if service == 0 {
		return true
	}
	if service < fastService && st.conns >= 16 && at-g.lastDial < fastPace {
		return false
	}
	return int64(n)*service > patienceForConn*int64(st.conns)
}

// slowed says that the rates of remote addresses hold up all connections, though their lanes could send: a connection to
// another address may help.
func (p *Plan) slowed(at int64, st *stream) bool {
	slowed := false
	for _, b := range st.berths {
		switch {
		case b.open+b.opening == 0 || b.lane.ready(p, at) > at:
		case b.ready(p, at) <= at+patienceForConn:
			return false
		default:
			slowed = true
		}
	}
	return slowed
}

// served says whether some connection will take an item soon.
func (p *Plan) served(at int64, st *stream) bool {
	if st.conns == 0 {
		return false
	}
	for _, b := range st.berths {
		if b.open+b.opening > 0 && b.ready(p, at) <= at+soon {
			return true
		}
	}
	return false
}

// due looks after items that have waited, and drops a stream that has not been used.
func (st *stream) due(p *Plan, at int64) {
	if st.dropped {
		return
	}
	if st.queue.n == 0 {
		p.lapse(at, st)
		return
	}
	p.timers.arm(&st.timer, st, at+soon)
	for g := st.group; g.waiting > 2*g.room(p, at) && st.queue.n > 1; {
		p.park(at, st.queue.last(), NoRoom, 0)
	}
	if st.needy || st.group.inHand > 0 && st.group.pace(at) == 0 {
		p.thin(at, st)
	}
	p.want(st)
}

// lapse drops a stream without items, unless it has connections or tells of an outage.
func (p *Plan) lapse(at int64, st *stream) {
	if st.wanting || st.conns > 0 || st.lost(p, at) || st.held != NoReason && at < st.heldUntil {
		p.timers.arm(&st.timer, st, at+minute/2)
		return
	}
	p.dropStream(st)
	p.forget(at, st.group)
}

func (p *Plan) dropStream(st *stream) {
	st.dropped = true
	delete(st.group.streams, streamKey{st.pool, st.class})
	st.group.allStreams.remove(st)
	for _, b := range st.berths {
		b.drop(st)
	}
	st.berths = nil
}

// thin parks what waits for a connection that cannot be had, but for the one that keeps the stream's turn.
func (p *Plan) thin(at int64, st *stream) {
	e := st.queue.first()
	if e == nil || at-e.added < soon {
		return
	}
	st.stuck = true
	for st.queue.n > 1 {
		p.park(at, st.queue.last(), Crowded, 0)
	}
}

func (p *Plan) parkAll(at int64, st *stream, why Reason, ends int64) {
	for e := st.queue.last(); e != nil; e = st.queue.last() {
		p.park(at, e, why, ends)
	}
}

func (p *Plan) failAll(at int64, st *stream) {
	for e := st.queue.first(); e != nil; e = st.queue.first() {
		p.fail(at, e, st.err, st.source)
	}
}

func (p *Plan) fail(at int64, e *entry, err error, source netip.Addr) {
	p.todo.Fail = append(p.todo.Fail, Failed{ID: e.item.ID, Err: err, Source: source})
	p.pull(at, e)
	p.end(e)
}
