package schedule

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
	last   bool // it carries no other message
	berth  *berth
	dock   *dock    // nil once it is closing
	remote *remote  // the address that it goes to
	site   *site    // whose message asked for it
	hand   []*entry // at most two, in the order on the wire
	two    [2]*entry

	opened    int64
	idleSince int64
	messages  int
	bytes     int64
	timer     timer
	links     [3]links // in the lists of idle connections
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

// rest makes a connection without work idle.
func (p *Plan) rest(at int64, c *conn) {
	c.state, c.idleSince = idling, at
	b, l := c.berth, c.berth.lane
	b.idle++
	if b.idle == 1 {
		for _, st := range b.streams {
			st.idleBerths++
		}
	}
	c.remote.idle++
	l.idle.add(c)
	c.dock.idle.add(c)
	p.idle.add(c)
	p.touch(l)
	p.timers.arm(&c.timer, c, at+l.idleTime(p))
	p.thinIdle(l, c.remote)
}

// thinIdle closes what is idle beyond the limits, longest idle first.
func (p *Plan) thinIdle(l *lane, r *remote) {
	limits := l.current(p)
	for limits.Domain.Idle > 0 && l.idle.n > limits.Domain.Idle {
		p.close(l.idle.first)
	}
	for c := l.idle.first; c != nil && limits.Remote.Idle > 0 && r.idle > limits.Remote.Idle; {
		next := c.links[byLane].next
		if c.remote == r {
			p.close(c)
		}
		c = next
	}
}

// rouse takes c out of the idle ones.
func (p *Plan) rouse(c *conn) {
	b := c.berth
	b.idle--
	if b.idle == 0 {
		for _, st := range b.streams {
			st.idleBerths--
		}
	}
	c.remote.idle--
	b.lane.idle.remove(c)
	c.dock.idle.remove(c)
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
	b := c.berth
	b.cast(c)
	b.open--
	b.lane.closing++
	c.remote.closing++
	p.closing++
	for _, st := range b.streams {
		if st.conns--; st.queue.n > 0 && b.lane.claim == nil {
			p.want(st) // it may have another at once
		}
	}
	p.touch(b.lane)
	p.todo.Close = append(p.todo.Close, c.id)
}

// due ends an idle time.
func (c *conn) due(p *Plan, at int64) {
	if c.state != idling {
		return // armed again when it rests
	}
	end := c.idleSince + c.berth.lane.idleTime(p)
	if at >= end {
		p.close(c)
		return
	}
	p.timers.arm(&c.timer, c, end)
}

// ends says that c is to carry no other message.
func (p *Plan) ends(at int64, c *conn) bool {
	l, r := c.berth.lane, c.remote
	limits := l.current(p)
	switch {
	case c.last, l.outage.active(at), at < r.odd, at+soon < l.silent, l.worn(p, at, c), c.berth.shuns(p, r.addr):
		return true
	case limits.Domain.Connections > 0 && l.conns-l.closing > limits.Domain.Connections,
		limits.Remote.Connections > 0 && r.conns-r.closing > limits.Remote.Connections,
		p.max > 0 && p.conns.n-p.closing > p.max:
		return true // the limit is lower than it was
	}
	return p.claimed(at, c)
}

// claimed says that mail of another class, which has no connection, waits for one to end.
func (p *Plan) claimed(at int64, c *conn) bool {
	l := c.berth.lane
	st := l.claim
	if st == nil {
		return false
	}
	if st.dropped || st.queue.n == 0 || st.conns > 0 || st.class == c.berth.class {
		l.claim = nil
		return false
	}
	// One is enough.
	return l.closing == 0 && c.messages > 0 && (c.state == idling || at-c.opened > turnTime)
}
