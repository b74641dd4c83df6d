package localqueue

import (
	"encoding/binary"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// change is one group of batches on its way to the disk. Its methods run in the
// committer; all but write are called with s.mu held.
type change struct {
	s       *Store
	w       *pebble.Batch
	refused []error // the answer to each batch, if the whole is written
	bodies  []body  // copied outside the lock
	leaving []*held
	lanes   []*lane  // with something pending
	groups  []*group // touched
	clock   int64
	sync    bool // false: losing it is safe
	puts    int
	scratch []byte
	err     error // the group cannot be written whole
}

type body struct {
	id      uint64
	value   []byte
	replace bool
}

func (s *Store) newChange(group []request) *change {
	bytes := 0
	for _, r := range group {
		bytes += r.batch.bytes
	}
	return &change{s: s, w: s.db.NewBatch(
		pebble.WithInitialSizeBytes(bytes+bytes/8), // growing step by step would copy large bodies again and again
		pebble.WithMaxRetainedSizeBytes(2*groupBytes),
	)}
}

// batch checks a batch as a whole and then does all of it, or nothing.
func (c *change) batch(b *Batch) error {
	if b.err != nil {
		return b.err
	}
	for i := range b.ops {
		if !c.allowed(&b.ops[i]) {
			c.allowAgain(b.ops[:i])
			return ErrNotInHand
		}
	}
	for i := range b.ops {
		c.do(&b.ops[i])
	}
	return nil
}

// allowed also marks what leaves, so that the same message twice is noticed.
func (c *change) allowed(o *op) bool {
	h := c.s.held[o.id]
	free := h != nil && !h.leaving
	switch o.kind {
	case opAck, opMove:
		free = free && h.group.queue && h.group.name == o.name
	case opReschedule, opRemove, opRelease:
		free = free && !h.group.queue
	case opNoteWaiting:
		_, noted := c.s.noted[o.id]
		return free && !h.group.queue || o.outcome == nil && noted
	default:
		return true
	}
	if free {
		h.leaving = true
	}
	return free
}

func (c *change) allowAgain(ops []op) {
	for i := range ops {
		switch ops[i].kind {
		case opAck, opMove, opReschedule, opRemove, opRelease:
			c.s.held[ops[i].id].leaving = false
		}
	}
}

func (c *change) do(o *op) {
	c.sync = c.sync || o.kind.mustSync()
	switch o.kind {
	case opPublish:
		id := c.number()
		c.addBody(body{id: id, value: o.body})
		c.put(c.s.queueGroup(o.name), o, pos{due: int64(id), id: id}, uint32(len(o.body)))
	case opWait:
		id := c.number()
		c.addBody(body{id: id, value: o.body})
		c.putWaiting(o, id, uint32(len(o.body)))
	case opAck, opRemove:
		c.leave(c.s.held[o.id])
		c.w.SingleDelete(numberKey(keyBody, o.id), nil)
	case opMove, opReschedule:
		c.putWaiting(o, o.id, c.keepBody(o))
	case opRelease:
		size := c.keepBody(o)
		c.put(c.s.queueGroup(o.name), o, pos{due: int64(c.number()), id: o.id}, size)
	case opNoteWaiting:
		c.noteWaiting(o)
	case opMeta:
		c.setMeta(o)
	default:
		c.ledgerOp(o)
	}
}

func (k opKind) mustSync() bool {
	switch k {
	case opAcked, opForget, opTouch:
		return false
	}
	return true
}

// number gives a message its number. Numbers are reserved on disk a million at a
// time, so that none is used again after a restart.
func (c *change) number() uint64 {
	s := c.s
	if s.next >= s.reserved {
		s.reserved = s.next + 1<<20
		c.setState(stateNext, s.reserved)
	}
	s.next++
	return s.next - 1
}

func (c *change) setState(name string, n uint64) {
	c.w.Set(nameKey(keyState, name), binary.BigEndian.AppendUint64(nil, n), nil)
}

func (c *change) addBody(b body) { c.bodies = append(c.bodies, b) }

// keepBody takes a message in hand off its group and returns the size of its body,
// the new one if there is one.
func (c *change) keepBody(o *op) uint32 {
	h := c.s.held[o.id]
	c.leave(h)
	if o.body == nil {
		return h.size
	}
	c.addBody(body{id: o.id, value: o.body, replace: true})
	return uint32(len(o.body))
}

// leave removes the entries of a message in hand; the body is the caller's.
func (c *change) leave(h *held) {
	g := h.group
	c.touch(g)
	c.scratch = appendEntryKey(c.scratch[:0], g.id, h.lane.priority, h.at)
	c.w.SingleDelete(c.scratch, nil)
	if h.deadline != 0 {
		c.w.SingleDelete(deadlineKey(pos{due: h.deadline, id: h.at.id}), nil)
	}
	if !g.queue {
		c.unnote(h.at.id)
		c.s.waiting--
	}
	g.count--
	g.inHand--
	g.bytes -= int64(h.size)
	h.lane.count--
	h.lane.inHand--
	h.leaving = true
	c.leaving = append(c.leaving, h)
}

// put writes the entry of a message.
func (c *change) put(g *group, o *op, at pos, size uint32) {
	c.touch(g)
	l := g.lane(o.priority)
	e := entry{size: size, stamp: o.stamp, deadline: o.deadline, msgID: o.msgID}
	c.scratch = appendEntryKey(c.scratch[:0], g.id, o.priority, at)
	c.scratch = e.append(c.scratch)
	c.w.Set(c.scratch[:entryKeyLen], c.scratch[entryKeyLen:], nil)
	g.count++
	g.bytes += int64(size)
	l.count++
	c.puts++
	g.fed = true
	if l.pending == end() {
		c.lanes = append(c.lanes, l)
	}
	if at.before(l.pending) {
		l.pending = at
	}
}

func (c *change) putWaiting(o *op, id uint64, size uint32) {
	g := c.s.placeGroup(o.place)
	c.put(g, o, pos{due: o.due, id: id}, size)
	c.s.waiting++
	where := location{group: g.id, priority: o.priority, due: o.due}
	if o.deadline != 0 {
		at := pos{due: o.deadline, id: id}
		c.w.Set(deadlineKey(at), where.append(nil), nil)
		c.s.dead.put(at)
	}
	if o.outcome != nil {
		c.note(id, where, o.outcome)
	}
}

func (c *change) noteWaiting(o *op) {
	c.unnote(o.id)
	if o.outcome == nil {
		return
	}
	h := c.s.held[o.id]
	c.note(o.id, location{group: h.group.id, priority: h.lane.priority, due: h.at.due}, o.outcome)
}

func (c *change) note(id uint64, where location, outcome []byte) {
	c.w.Set(numberKey(keyOutcome, id), append(where.append(nil), outcome...), nil)
	c.s.noted[id] = struct{}{}
}

func (c *change) unnote(id uint64) {
	if _, ok := c.s.noted[id]; ok {
		c.w.SingleDelete(numberKey(keyOutcome, id), nil)
		delete(c.s.noted, id)
	}
}

func (c *change) setMeta(o *op) {
	if o.outcome == nil {
		c.w.Delete(nameKey(keyMeta, o.name), nil)
		return
	}
	c.w.Set(nameKey(keyMeta, o.name), o.outcome, nil)
}

func (c *change) touch(g *group) {
	if !g.touched {
		g.touched = true
		c.groups = append(c.groups, g)
	}
}

// finish writes the counters of all that was touched.
func (c *change) finish() error {
	for _, g := range c.groups {
		if g.count == 0 && g.ready == nil {
			c.drop(g)
			continue
		}
		if !g.stored {
			g.stored, g.since = true, c.now()
			c.w.Set(groupKey(keyGroup, g.id), g.appendName(nil), nil)
		}
		c.w.Set(groupKey(keyCounters, g.id), g.appendCounters(nil), nil)
	}
	if mark, ok := c.s.dead.write(); ok {
		c.setState(stateDead, uint64(mark))
	}
	return c.err
}

// drop forgets a group that holds nothing and that nobody listens to.
func (c *change) drop(g *group) {
	if g.stored {
		c.w.SingleDelete(groupKey(keyGroup, g.id), nil)
		c.w.Delete(groupKey(keyCounters, g.id), nil)
	}
	c.s.forgetGroup(g)
}

func (c *change) now() int64 {
	if c.clock == 0 {
		c.clock = time.Now().UnixNano()
	}
	return c.clock
}

// write is called without the lock: it copies the bodies and waits for the disk.
func (c *change) write() error {
	for _, b := range c.bodies {
		key := numberKey(keyBody, b.id)
		if b.replace {
			c.w.SingleDelete(key, nil)
		}
		c.w.Set(key, b.value, nil)
	}
	if c.w.Empty() {
		return c.w.Close()
	}
	if err := apply(c.w, c.sync); err != nil {
		return err // Pebble may still hold the batch: it is not reused
	}
	return c.w.Close()
}

// show lets the change be seen, now that it is on disk.
func (c *change) show() {
	s := c.s
	for _, h := range c.leaving {
		h.lane.letGo(h)
		if s.held[h.at.id] == h {
			delete(s.held, h.at.id)
		}
	}
	s.durable = s.next
	for _, l := range c.lanes {
		l.moveBack(l.pending)
		l.pending = end()
	}
	s.dead.show()
	sooner := false
	for _, g := range c.groups {
		if g.queue {
			g.announce()
		} else if s.agenda.update(g) {
			sooner = true
		}
		g.touched, g.fed = false, false
	}
	if sooner {
		signal(s.changed)
	}
}

// signal leaves word in a channel with room for one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
