package schedule

import (
	"net/netip"
)

type connState uint8

const (
	dialing connState = iota
	working           // has an item, or is about to pull one
	idling
	closing // told to say QUIT
)

// conn is a connection, from its dial to its end.
type conn struct {
	id     ConnID
	state  connState
	berth  *berth
	site   *site    // whose message asked for it
	remote *remote  // counters of the address it is connected to, if its lane has limits for those
	hand   []*entry // at most two, in the order on the wire
	two    [2]*entry

	opened    int64
	idleSince int64
	messages  int
	bytes     int64
	timer     timer

	prev, next *conn // in the list of idle connections
}

func (c *conn) holds(id uint64) bool {
	for _, e := range c.hand {
		if e.item.ID == id {
			return true
		}
	}
	return false
}

// drop takes the item out of the hand; nil if it is not in it.
func (c *conn) drop(id uint64) *entry {
	for i, e := range c.hand {
		if e.item.ID != id {
			continue
		}
		copy(c.hand[i:], c.hand[i+1:])
		c.hand = c.hand[:len(c.hand)-1]
		return e
	}
	return nil
}

// connTable finds connections by id: a place in a slice and how often that place has been used before.
type connTable struct {
	slots []slot
	free  []uint32
	n     int
}

type slot struct {
	conn *conn
	used uint32
}

func (t *connTable) add(c *conn) {
	if len(t.free) == 0 {
		t.free = append(t.free, uint32(len(t.slots)))
		t.slots = append(t.slots, slot{})
	}
	i := t.free[len(t.free)-1]
	t.free = t.free[:len(t.free)-1]
	s := &t.slots[i]
	s.conn, s.used = c, s.used+1
	c.id = ConnID(uint64(s.used)<<32 | uint64(i))
	t.n++
}

func (t *connTable) get(id ConnID) *conn {
	i := uint32(id)
	if int(i) >= len(t.slots) || t.slots[i].used != uint32(id>>32) {
		return nil
	}
	return t.slots[i].conn
}

func (t *connTable) remove(c *conn) {
	i := uint32(c.id)
	t.slots[i].conn = nil
	t.free = append(t.free, i)
	t.n--
}

// idleList links all idle connections, longest idle first.
type idleList struct {
	first, last *conn
	n           int
}

func (l *idleList) add(c *conn) {
	c.prev, c.next = l.last, nil
	if l.last == nil {
		l.first = c
	} else {
		l.last.next = c
	}
	l.last = c
	l.n++
}

func (l *idleList) remove(c *conn) {
	if c.prev == nil {
		l.first = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		l.last = c.prev
	} else {
		c.next.prev = c.prev
	}
	c.prev, c.next = nil, nil
	l.n--
}

// rest makes a connection without work idle.
func (p *Plan) rest(at int64, c *conn) {
	c.state, c.idleSince = idling, at
	b := c.berth
	b.idle = append(b.idle, c)
	b.lane.idle++
	if len(b.idle) == 1 {
		for _, st := range b.streams {
			st.idleBerths++
		}
	}
	p.idle.add(c)
	p.touch(b.lane)
	limits := b.lane.current(p)
	p.timers.arm(&c.timer, c, at+int64(limits.IdleTime))
	if limits.Domain.Idle > 0 && b.lane.idle > limits.Domain.Idle {
		p.close(b.idle[0])
	}
}

// rouse takes c out of the idle ones.
func (p *Plan) rouse(c *conn) {
	b := c.berth
	for i := len(b.idle) - 1; i >= 0; i-- {
		if b.idle[i] == c {
			b.idle = append(b.idle[:i], b.idle[i+1:]...)
			break
		}
	}
	b.lane.idle--
	if len(b.idle) == 0 {
		for _, st := range b.streams {
			st.idleBerths--
		}
	}
	p.idle.remove(c)
	p.touch(b.lane)
	c.state = working
}

// close tells an idle connection, or one that just asked for work, to say QUIT.
func (p *Plan) close(c *conn) {
	if c.state == idling {
		p.rouse(c)
	}
	c.state = closing
	c.berth.open--
	p.closing++
	for _, st := range c.berth.streams {
		st.conns--
	}
	p.touch(c.berth.lane)
	p.todo.Close = append(p.todo.Close, c.id)
}

// due ends an idle time.
func (c *conn) due(p *Plan, at int64) {
	if c.state != idling {
		return // armed again when it rests
	}
	end := c.idleSince + int64(c.berth.lane.current(p).IdleTime)
	if at >= end {
		p.close(c)
		return
	}
	p.timers.arm(&c.timer, c, end)
}

// remote counts what concerns one remote address of a lane.
type remote struct {
	addr     netip.Addr
	conns    int
	connects bucket
	offline  int64 // until then it is tried last
}
