// Package schedule is the plan: which message leaves next, over which connection, and which connections are opened and
// closed for it. It is pure: no goroutine, no clock, no socket, no log. Time comes with every call, randomness with the
// options, and one owner, the loop, makes the calls one after another.
//
// An item waits once, in the stream of its site's group, pool and class; a lane (source address × group) holds the
// counters and the connections, and its connections pull from the streams that may leave from it. Sites whose mail
// servers are the same are one group. A dial goes to one address of the group; the lane counts for each of them too.
// Every call is O(1) or O(log n) of what the plan holds, but for the addresses of one pool and one group where a
// connection is to be opened, and for Use, Stop and the calls of the operator, which look at all that waits or is open.
//
// What it promises: no limit is exceeded (delivery-control.md section 1) and no rate in any window, but for the
// tolerance of bucket; nothing is handed out while a flood pattern pauses its lane, or to a paused remote address
// (sections 2 and 3); new limits count from the next Todo on, for open connections too; an item is handed only to a connection of its own class (T43); memory per destination is bounded
// (Explanation.Room); a destination that cannot be reached costs one dial per offline time; one that is slow gets its
// share of the connections at most (F20, F25); destinations take turns where connections are scarce; and every item
// ends exactly once: with Done, in Todo.Park or Todo.Fail, or by Remove.
//
// The loop's part: after each event, and at Todo.Wake, call Todo and do what it says.
package schedule

import (
	"cmp"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// ErrNoFamily is the failure of items that may leave only from addresses of a family that their site has no address of.
var ErrNoFamily = errors.New("no address of the site can be reached from the sending addresses")

// Options of a Plan; the zero value is usable.
type Options struct {
	Lookups int            // lookups asked for at a time, 0 = 1000
	Random  func() float64 // jitter, in [0, 1); nil = none
	Memory  int            // items that the loop can hold (its credit), so that slow sites get a part of it only; 0 = any number
}

// Plan holds what is to be sent now. It is not safe for concurrent use.
type Plan struct {
	options Options
	start   time.Time // of internal time: all instants are nanoseconds since
	snap    Snapshot
	version uint64
	max     int // connections together, 0 = unlimited
	stopped bool
	seq     uint64

	sites     map[string]*site
	groups    map[string]*group
	allSites  roll[*site]
	allGroups roll[*group]
	sources   map[netip.Addr]*outage // source addresses that could not be used
	items     map[uint64]*entry
	conns     connTable
	free      *entry // used entries, to be used again

	timers   timers
	lookups  fifo[*site]   // to be asked for
	looking  int           // asked for and not answered
	wanting  fifo[*stream] // to be looked at for connections, in turn
	needy    fifo[*stream] // have no connection and there is none left
	squeezed fifo[*stream] // have their share, would take more when connections end
	filling  fifo[*group]  // have room for waiting items
	reopened fifo[*place]  // to be looked at again under new limits
	reviews  fifo[*group]  // likewise, for connections and what waits in memory
	idle     connList      // all idle connections
	changed  []*lane
	todo     Todo // being collected
	given    Todo // what the loop has now; its memory is used for the next

	waiting, inHand, opening, closing, busyGroups, lanes int
}

// New makes an empty plan without limits.
func New(o Options) *Plan {
	if o.Lookups <= 0 {
		o.Lookups = 1000
	}
	if o.Random == nil {
		o.Random = func() float64 { return 0.5 }
	}
	return &Plan{
		options: o,
		snap:    unlimited{},
		version: 1,
		sites:   make(map[string]*site),
		groups:  make(map[string]*group),
		sources: make(map[netip.Addr]*outage),
		items:   make(map[uint64]*entry),
	}
}

// instant is internal time: differences of the caller's times, so that a wall clock that jumps stops nothing.
func (p *Plan) instant(now time.Time) int64 {
	if p.start.IsZero() {
		p.start = now.Add(-time.Hour)
	}
	return int64(now.Sub(p.start))
}

func (p *Plan) moment(at int64) time.Time { return p.start.Add(time.Duration(at)) }

const (
	second = int64(time.Second)
	minute = int64(time.Minute)
	soon   = 2 * second // what cannot start within this does not wait in memory
	never  = int64(1<<63 - 1)
)

// Use makes s the truth from here on. Lanes read their limits again at their next decision; what no Todo has handed out yet waits
// again; the next Todo looks at open connections, at what waits and at what was closed for want of room or by a pause. Where very
// much is open, several calls of Todo do, one right after another.
func (p *Plan) Use(now time.Time, s Snapshot) {
	at := p.instant(now)
	p.snap = s
	p.version++
	p.recall(at, nil)
	p.max = s.TotalConnections()
	for _, s := range p.allSites {
		p.reopenPlaces(s)
	}
	for _, g := range p.allGroups {
		if !g.reviewed && (g.conns > 0 || g.waiting > 0) {
			g.reviewed = true
			p.reviews.push(g)
		}
	}
	p.crowd()
}

// Allow sets how many connections there may be together, 0 = unlimited, until the next Use. It is cheap: incoming sessions
// change that number all the time.
func (p *Plan) Allow(connections int) {
	p.max = connections
	p.crowd()
}

// crowd lets all ask again that had no connection, or fewer than they would have.
func (p *Plan) crowd() {
	for p.nextNeedy() {
	}
	for p.squeezed.len() > 0 {
		st := p.squeezed.pop()
		st.squeezed = false
		p.want(st)
	}
}

// Stop ends the handing out: what waits comes out in Todo.Park, idle connections in Todo.Close. What is in hand
// goes on to its Done.
func (p *Plan) Stop(now time.Time) {
	at := p.instant(now)
	p.stopped = true
	for _, e := range slices.SortedFunc(maps.Values(p.items), func(a, b *entry) int { return cmp.Compare(a.seq, b.seq) }) {
		if e.conn == nil {
			p.park(at, e, Stopping, 0)
		}
	}
	for p.idle.first != nil {
		p.close(p.idle.first)
	}
}

// Todo says what is to be done now, and when to ask again.
func (p *Plan) Todo(now time.Time) Todo {
	at := p.instant(now)
	p.fire(at)
	p.reopen(at)
	p.review(at)
	p.fill(at)
	p.connect(at)
	p.ask()
	p.valid()
	t := p.todo
	t.Wake = p.wake(now)
	p.todo = Todo{
		Lookup: p.given.Lookup[:0], Dial: p.given.Dial[:0], Hand: p.given.Hand[:0], Close: p.given.Close[:0],
		Park: p.given.Park[:0], Fail: p.given.Fail[:0], Refill: p.given.Refill[:0],
	}
	p.given = t
	return t
}

func (p *Plan) wake(now time.Time) time.Time {
	if p.reopened.len()+p.reviews.len() > 0 {
		return now
	}
	if next := p.timers.next(); next != never {
		return p.moment(next)
	}
	return time.Time{}
}

// valid drops what has been overtaken since it was noted: hands to and closes of connections that have ended.
func (p *Plan) valid() {
	p.todo.Hand = slices.DeleteFunc(p.todo.Hand, func(h Hand) bool {
		c := p.conns.get(h.Conn)
		return c == nil || !c.holds(h.Item.ID)
	})
	p.todo.Close = slices.DeleteFunc(p.todo.Close, func(id ConnID) bool { return p.conns.get(id) == nil })
}
