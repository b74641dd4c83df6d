package schedule

import (
	"container/heap"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"posthoorn/internal/settings"
)

// sim is a world around a plan, in virtual time: a local queue, a resolver, receivers, and checks after every step.
type sim struct {
	*testing.T
	p      *Plan
	rnd    *rand.Rand
	now    time.Time
	events eventHeap
	order  int
	wakeAt time.Time
	pools  Pools

	snap     fixed
	hosts    map[string]*host    // by site
	items    map[uint64]*message // that have not ended
	ends     map[string]int
	reasons  map[string]int // of parking, at once or out of memory
	places   map[placeKey]*shelf
	conns    map[ConnID]*link
	watch    *observer
	keys     map[string]string // of the limits, by group
	last     map[Item]uint64   // handed out last, by all that is equal but the id
	finish   time.Time         // the last item was done
	memory   int               // items in the plan
	nextID   uint64
	strict   bool    // check after every step
	backRate float64 // share of items that go back unattempted
	dropRate float64 // share of items after which the peer hangs up
	size     int64   // of messages
	credit   int     // for mail of the broker, and as much again for mail that waited
	parks    int
}

type placeKey struct {
	site string
	pool *Pool
}

// host is how a site behaves.
type host struct {
	group    string
	key      string
	addr     netip.Addr
	more     []netip.Addr // other addresses that it has
	deaf     []netip.Addr // those of all that cannot be reached
	floods   []settings.Flood
	flooding float64 // share of the answers that match them
	dial     time.Duration
	service  time.Duration
	dead     bool // dials fail
	tarpit   bool // messages never end
	noDNS    bool // lookups fail for a while
	deafDNS  bool // lookups are never answered
	session  int  // messages per session, then it hangs up
	maxConns int  // refuses more
	conns    int
	done     int
}

type message struct {
	item   Item
	state  string // memory, hand, local, done, failed, removed
	back   bool   // has been handed out before
	parked int
	takes  [2]*take
}

type shelf struct {
	ready []*message // by id
	later int
}

type link struct {
	dial    Dial
	addr    netip.Addr
	host    *host
	open    bool
	busy    []*message
	told    bool // to close
	sent    int
	bytes   int64
	ended   bool
	waiting bool // has pulled and got nothing
}

type event struct {
	at    time.Time
	order int
	do    func()
}
type eventHeap []event

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].order < h[j].order
	}
	return h[i].at.Before(h[j].at)
}
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)   { *h = append(*h, x.(event)) }
func (h *eventHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = event{}
	*h = old[:len(old)-1]
	return e
}

func newSim(t *testing.T, seed uint64, snap fixed, credit int) *sim {
	rnd := rand.New(rand.NewPCG(seed, 1))
	s := &sim{
		T: t, rnd: rnd, p: New(Options{Random: rnd.Float64, Lookups: 50, Memory: credit}), credit: credit, now: epoch, snap: snap, size: 1000,
		hosts: map[string]*host{}, items: map[uint64]*message{}, ends: map[string]int{}, reasons: map[string]int{}, places: map[placeKey]*shelf{},
		conns: map[ConnID]*link{}, last: map[Item]uint64{},
	}
	s.watch = &observer{T: t, s: s, lanes: map[laneKey]*watched{}, floods: map[laneKey]map[int64]flooded{}}
	s.p.Use(s.now, snap)
	return s
}

func (s *sim) after(d time.Duration, do func()) {
	s.order++
	heap.Push(&s.events, event{s.now.Add(d), s.order, do})
}

// run lets time pass until end, or until nothing happens any more.
func (s *sim) run(end time.Time) {
	for len(s.events) > 0 && !s.events[0].at.After(end) {
		e := heap.Pop(&s.events).(event)
		s.now = e.at
		e.do()
		s.settle()
		if s.Failed() {
			return
		}
	}
	s.now = end
}

// settle does what the plan says until it has nothing more to say now.
func (s *sim) settle() {
	for i := range 200 {
		t := s.p.Todo(s.now)
		if i > 190 {
			s.Logf("%+v %+v", t, s.p.Totals())
		}
		for _, name := range t.Lookup {
			s.lookup(name)
		}
		for _, d := range t.Dial {
			s.dial(d)
		}
		for _, h := range t.Hand {
			s.inTurn(s.items[h.Item.ID])
		}
		for _, h := range t.Hand {
			s.handed(h.Conn, h.Item)
		}
		for _, id := range t.Close {
			s.close(id)
		}
		for _, k := range t.Park {
			m := s.leave(k.ID, "local")
			s.reasons["out "+k.Reason.String()]++
			s.shelve(m, k.Until)
		}
		for _, f := range t.Fail {
			if f.Err == nil {
				s.Errorf("item %d failed without a reason", f.ID)
			}
			s.leave(f.ID, "failed")
		}
		for _, r := range t.Refill {
			s.refill(r)
		}
		busy := len(t.Lookup)+len(t.Dial)+len(t.Hand)+len(t.Close)+len(t.Park)+len(t.Fail)+len(t.Refill) > 0
		if !busy {
			if s.strict {
				s.watch.rested()
			}
			s.wake(t.Wake)
			return
		}
	}
	s.Errorf("%v: the plan does not come to rest", s.now.Sub(epoch))
}

func (s *sim) wake(at time.Time) {
	if at.IsZero() || !s.wakeAt.IsZero() && s.wakeAt.After(s.now) && !at.Before(s.wakeAt) {
		return
	}
	s.wakeAt = at
	s.order++
	heap.Push(&s.events, event{at, s.order, func() {}})
}

func (s *sim) leave(id uint64, state string) *message {
	m := s.items[id]
	if m == nil || m.state != "memory" {
		s.Errorf("item %d left the plan as %s but was %+v", id, state, m)
		return m
	}
	m.state = state
	s.memory--
	if state != "local" {
		s.end(m)
	}
	return m
}

// end forgets a message: a second end of it is an error, as it is not known any more.
func (s *sim) end(m *message) {
	s.ends[m.state]++
	delete(s.items, m.item.ID)
}

// send is a new message.
func (s *sim) send(site string, pool *Pool, class Class, priority uint8) *message {
	s.nextID++
	m := &message{item: Item{ID: s.nextID, Site: site, Pool: pool, Class: class, Priority: priority, Size: s.size, Retry: s.nextID%4 == 0}}
	s.items[m.item.ID] = m
	s.add(m)
	return m
}

func (s *sim) add(m *message) {
	v := s.p.Add(s.now, m.item)
	switch v.Kind {
	case Queued:
		m.state = "memory"
		s.memory++
	case Park:
		if v.Reason == NoReason {
			s.Errorf("parked without a reason")
		}
		m.state = "local"
		s.reasons[v.Reason.String()]++
		s.shelve(m, v.Until)
	case Offline:
		if v.Err == nil {
			s.Errorf("offline without a reason")
		}
		m.state = "failed"
		s.end(m)
	}
}

// shelve puts a message into the local queue.
func (s *sim) shelve(m *message, until time.Time) {
	s.parks++
	m.parked++
	m.item.Waited = true
	k := placeKey{m.item.Site, m.item.Pool}
	sh := s.places[k]
	if sh == nil {
		sh = &shelf{}
		s.places[k] = sh
	}
	ready := func() {
		i, _ := slices.BinarySearchFunc(sh.ready, m.item.ID, func(o *message, id uint64) int { return int(int64(o.item.ID) - int64(id)) })
		sh.ready = slices.Insert(sh.ready, i, m)
	}
	if until.After(s.now) {
		s.after(until.Sub(s.now), func() {
			ready()
			s.p.Backlog(s.now, k.site, k.pool, len(sh.ready))
		})
		return
	}
	ready()
	s.p.Backlog(s.now, k.site, k.pool, len(sh.ready))
}

func (s *sim) refill(r Refill) {
	sh := s.places[placeKey{r.Site, r.Pool}]
	if sh == nil || r.N <= 0 {
		s.Errorf("refill of %d from a place without mail: %s", r.N, r.Site)
		return
	}
	s.after(time.Duration(s.rnd.IntN(20))*time.Millisecond, func() { s.refilled(r, sh) })
}

// refilled answers a refill; reading from the local queue has taken a while.
func (s *sim) refilled(r Refill, sh *shelf) {
	n := min(r.N, len(sh.ready))
	if s.credit > 0 {
		n = min(n, max(2*s.credit-s.memory, 0))
	}
	some := slices.Clone(sh.ready[:n])
	sh.ready = slices.Delete(sh.ready, 0, n)
	for _, m := range some {
		s.add(m)
	}
	s.p.Refilled(s.now, r.Site, r.Pool, len(sh.ready), false)
}

var errDead, errDNS = errors.New("dead"), errors.New("no dns")

func (h *host) targets() []Target {
	list := []Target{{Host: h.group, Addr: h.addr}}
	for _, a := range h.more {
		list = append(list, Target{Host: h.group, Addr: a})
	}
	return list
}

func (s *sim) lookup(name string) {
	h := s.hosts[name]
	switch {
	case h.deafDNS:
		s.after(72*time.Second, func() { s.p.ResolveFailed(s.now, name, errDNS, s.now.Add(5*time.Second), true) })
	case h.noDNS:
		s.after(50*time.Millisecond, func() { s.p.ResolveFailed(s.now, name, errDNS, s.now.Add(time.Minute), true) })
	default:
		s.after(time.Duration(s.rnd.IntN(100))*time.Millisecond, func() {
			s.p.Resolved(s.now, name, Route{Group: h.group, Limits: h.key, Targets: h.targets(), Expires: s.now.Add(time.Hour)})
		})
	}
}

func (s *sim) dial(d Dial) {
	h := s.hosts[d.Site]
	if s.conns[d.Conn] != nil || len(d.Targets) != 1 || !slices.Contains(h.targets(), d.Targets[0]) {
		s.Errorf("bad dial %+v", d)
	}
	c := &link{dial: d, host: h, addr: d.Targets[0].Addr}
	s.conns[d.Conn] = c
	s.watch.dialed(c)
	s.after(h.dial+time.Duration(s.rnd.Int64N(int64(h.dial)+1)), func() { s.dialed(c) })
}

func (s *sim) dialed(c *link) {
	h := c.host
	s.watch.opened(c)
	if h.dead || slices.Contains(h.deaf, c.addr) || h.maxConns > 0 && h.conns >= h.maxConns {
		s.watch.ended(c)
		delete(s.conns, c.dial.Conn)
		s.p.DialFailed(s.now, c.dial.Conn, DialFailure{Err: errDead, Failed: []netip.Addr{c.addr}})
		return
	}
	h.conns++
	c.open = true
	s.p.Opened(s.now, c.dial.Conn, Opening{Addr: c.addr})
	s.pull(c)
}

func (s *sim) pull(c *link) {
	if it, ok := s.p.Pull(s.now, c.dial.Conn); ok {
		s.inTurn(s.items[it.ID])
		s.carry(c, it)
	} else {
		s.watch.idle(c, true)
	}
}

func (s *sim) handed(id ConnID, it Item) {
	c := s.conns[id]
	if c == nil || !c.waiting {
		s.Errorf("item handed to a connection that did not wait: %+v", c)
		return
	}
	s.carry(c, it)
}

// carry checks an item that a connection has got, and sends it.
func (s *sim) carry(c *link, it Item) {
	m := s.items[it.ID]
	h := s.hosts[it.Site]
	switch {
	case m == nil || m.state != "memory":
		s.Errorf("item %d handed out but %+v", it.ID, m)
		return
	case !it.Pool.has(c.dial.Source):
		s.Errorf("item %d leaves from %v", it.ID, c.dial.Source)
	case it.Class != c.dial.Class:
		s.Errorf("item %d of class %v over a connection of %v", it.ID, it.Class, c.dial.Class)
	case h.group != c.host.group:
		s.Errorf("item for %s over a connection to %s", h.group, c.host.group)
	case c.told:
		s.Errorf("item for a connection that was told to close")
	}
	m.state = "hand"
	s.watch.idle(c, false)
	c.busy = append(c.busy, m)
	c.sent++
	s.watch.carried(c, m)
	c.bytes += it.Size
	if len(c.busy) == 1 {
		s.transact(c)
	}
}

// inTurn checks that what never left memory goes out in the order in which it came.
func (s *sim) inTurn(m *message) {
	if m.back || m.parked > 0 {
		return
	}
	it := m.item
	it.ID = 0
	if last := s.last[it]; last > m.item.ID {
		s.Errorf("item %d after %d", m.item.ID, last)
	}
	s.last[it] = m.item.ID
}

func (s *sim) transact(c *link) {
	m, h := c.busy[0], c.host
	if s.rnd.Float64() < s.backRate {
		s.after(time.Millisecond, func() {
			c.busy = c.busy[1:]
			c.sent--
			c.bytes -= m.item.Size
			s.goBack(m)
			s.p.Back(s.now, c.dial.Conn, m.item.ID)
			s.pull(c)
		})
		return
	}
	if h.tarpit {
		return
	}
	s.after(h.service/2+time.Duration(s.rnd.Int64N(int64(h.service)+1)), func() { s.finished(c, m) })
	if len(c.busy) == 1 {
		if it, ok := s.p.Next(s.now, c.dial.Conn); ok {
			s.inTurn(s.items[it.ID])
			s.carry(c, it)
		}
	}
}

func (s *sim) finished(c *link, m *message) {
	c.busy = c.busy[1:]
	m.state = "done"
	s.memory--
	s.end(m)
	c.host.done++
	s.finish = s.now
	o := Outcome{Bytes: m.item.Size, Delivered: true}
	if len(c.host.floods) > 0 && s.rnd.Float64() < c.host.flooding {
		o.Delivered = false
		o.Floods = c.host.floods[:1+s.rnd.IntN(len(c.host.floods))]
		s.watch.matched(c, o.Floods)
	}
	s.p.Done(s.now, c.dial.Conn, m.item.ID, o)
	switch {
	case c.host.session > 0 && c.sent >= c.host.session, s.rnd.Float64() < s.dropRate:
		for _, m := range c.busy {
			s.goBack(m)
		}
		c.busy = nil
		s.p.Learn(s.now, c.dial.Conn, c.sent)
		s.hangUp(c)
	case len(c.busy) > 0:
		s.transact(c)
	default:
		s.pull(c)
	}
}

func (s *sim) hangUp(c *link) {
	if c.ended {
		return
	}
	c.ended = true
	c.host.conns--
	s.watch.ended(c)
	delete(s.conns, c.dial.Conn)
	s.p.Closed(s.now, c.dial.Conn)
}

func (s *sim) close(id ConnID) {
	c := s.conns[id]
	if c == nil || !c.open || len(c.busy) > 0 || c.told {
		s.Errorf("told to close: %+v", c)
		return
	}
	c.told = true
	s.watch.idle(c, false)
	s.after(20*time.Millisecond, func() { s.hangUp(c) })
}

// verify checks what can be checked at any time.
func (s *sim) verify() {
	t := s.p.Totals()
	if t.Waiting+t.InHand != s.memory {
		s.Errorf("plan holds %d + %d items, the world says %d", t.Waiting, t.InHand, s.memory)
	}
	if t.Connections != len(s.conns) {
		s.Errorf("plan has %d connections, the world %d", t.Connections, len(s.conns))
	}
}

func (s *sim) key(group string) string {
	if len(s.keys) == 0 {
		s.keys = make(map[string]string)
		for _, h := range s.hosts {
			s.keys[h.group] = h.key
		}
	}
	return s.keys[group]
}

// goBack undoes a carry.
func (s *sim) goBack(m *message) {
	m.state, m.back = "memory", true
	for _, t := range m.takes {
		t.back = true
	}
}

// reload makes other limits count.
func (s *sim) reload(snap fixed) {
	s.snap = snap
	s.watch.regime()
	s.p.Use(s.now, snap)
}

func (s *sim) remove(id uint64) {
	m := s.items[id]
	waits := m != nil && m.state == "memory"
	if got := s.p.Remove(s.now, id); got != waits {
		s.Errorf("remove of %+v said %v", m, got)
	}
	if waits {
		s.leave(id, "removed")
	}
}
