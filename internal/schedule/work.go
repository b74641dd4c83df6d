package schedule

import (
	"cmp"
	"errors"
	"time"
)

// Pull asks for an item for a connection that has none. If there is none for it now it is idle from here on: an item
// comes with Todo.Hand, or Todo.Close ends it.
func (p *Plan) Pull(now time.Time, id ConnID) (Item, bool) {
	at := p.instant(now)
	c := p.conns.get(id)
	if c == nil || c.state != working || len(c.hand) > 0 {
		return Item{}, false
	}
	l := c.berth.lane
	if p.stopped || l.worn(p, at, c) || l.outage.active(at) || p.yields(at, c) {
		p.close(c)
		return Item{}, false
	}
	if ready := l.ready(p); ready > at {
		p.rest(at, c)
		if ready != never && c.state == idling && c.berth.next() != nil {
			p.timers.arm(&l.timer, l, ready)
		}
		return Item{}, false
	}
	e := c.berth.next()
	if e == nil {
		p.rest(at, c)
		return Item{}, false
	}
	p.take(at, c, e)
	return e.item, true
}

// Next asks for the item whose envelope may go out together with the body of the one in hand (architecture: one round
// trip per message). It says no where Pull would say no, and where an idle connection of the lane could carry the item;
// that changes nothing.
func (p *Plan) Next(now time.Time, id ConnID) (Item, bool) {
	at := p.instant(now)
	c := p.conns.get(id)
	if c == nil || c.state != working || len(c.hand) != 1 || p.stopped || len(c.berth.idle) > 0 {
		return Item{}, false
	}
	l := c.berth.lane
	if l.worn(p, at, c) || l.outage.active(at) || l.ready(p) > at || p.yields(at, c) {
		return Item{}, false
	}
	e := c.berth.next()
	if e == nil {
		return Item{}, false
	}
	p.take(at, c, e)
	return e.item, true
}

// hand gives an item to an idle connection.
func (p *Plan) hand(at int64, c *conn, e *entry) {
	p.rouse(c)
	p.take(at, c, e)
	p.todo.Hand = append(p.todo.Hand, Hand{Conn: c.id, Item: e.item})
}

// take moves an entry from its queue into the hand of a connection, and counts it: rate and count are those of the
// envelope being written.
func (p *Plan) take(at int64, c *conn, e *entry) {
	st, l := e.stream, c.berth.lane
	p.pull(at, e)
	p.inHand++
	st.group.inHand++
	if st.held = NoReason; st.stuck {
		p.unstick(at, st, e.site)
	}
	l.takes++
	e.conn, e.taken, e.turn = c, at, l.takes
	if g := st.group; g.inHand == 1 {
		g.moved = at
	}
	c.hand = append(c.hand, e)
	c.messages++
	if l.sinceOpen++; l.sinceOpen == l.limits.MinMessages {
		st.group.events++ // another may be opened now
		p.want(st)
	}
	l.messages.take(at, 1, int64(l.limits.Domain.Messages))
	l.bytes.take(at, e.item.Size, l.limits.Domain.Bytes)
	c.bytes += e.item.Size
	p.touch(l)
}

// unstick opens the places of a stream that moves again.
func (p *Plan) unstick(at int64, st *stream, s *site) {
	st.stuck = false
	if pl := s.place(st.pool); pl != nil {
		p.list(at, pl)
	}
}

// Done ends an item that was attempted.
func (p *Plan) Done(now time.Time, id ConnID, item uint64, o Outcome) {
	at := p.instant(now)
	c := p.conns.get(id)
	if c == nil {
		return
	}
	e := c.drop(item)
	if e == nil {
		return
	}
	l := c.berth.lane
	if more := o.Bytes - e.item.Size; more != 0 {
		l.bytes.take(at, more, l.limits.Domain.Bytes)
		c.bytes += more
	}
	from := e.taken
	if len(c.hand) > 0 { // its successor could not begin before this end
		c.hand[0].taken = at
	}
	e.stream.group.measure(at, at-from)
	p.judge(at, l, o)
	p.release(e)
	p.end(e)
	p.touch(l)
}

// release takes an entry out of a hand.
func (p *Plan) release(e *entry) {
	p.inHand--
	e.stream.group.inHand--
	e.conn = nil
}

// ErrStrange is the failure of a lane that ended many messages strangely, if the caller did not say why.
var ErrStrange = errors.New("the receiver behaves strangely")

// strikeOut is how many strange ends in a row take a lane offline.
const strikeOut = 5

func (p *Plan) judge(at int64, l *lane, o Outcome) {
	switch {
	case o.Delivered:
		l.strikes = 0
	case o.Strange:
		if l.strikes++; l.strikes >= strikeOut {
			l.strikes = 0
			p.offline(at, l, &l.outage, cmp.Or(o.Err, ErrStrange))
		}
	}
}

// Back returns an item that was handed out and never attempted: rate and count are given back, and it goes to the
// front. After Stop it is parked instead.
func (p *Plan) Back(now time.Time, id ConnID, item uint64) {
	at := p.instant(now)
	if c := p.conns.get(id); c != nil {
		if e := c.drop(item); e != nil {
			p.back(at, c, e)
		}
	}
}

func (p *Plan) back(at int64, c *conn, e *entry) {
	l, st := c.berth.lane, e.stream
	limits := l.current(p)
	c.messages--
	c.bytes -= e.item.Size
	l.sinceOpen--
	if e.turn == l.takes {
		l.takes--
		l.messages.giveBack(1, int64(limits.Domain.Messages))
		l.bytes.giveBack(e.item.Size, limits.Domain.Bytes)
	}
	p.release(e)
	p.waiting++
	if st.dropped { // its place has been taken down meanwhile
		st = p.stream(at, st.group, st.pool, st.class)
	}
	p.put(st, e)
	p.touch(l)
	if p.stopped {
		p.park(at, e, Stopping, at)
		return
	}
	p.offer(at, st)
}

// Learn notes that the peer takes only so many messages in a session (it answered 421 to the MAIL after them). That
// holds for its lane for an hour.
func (p *Plan) Learn(now time.Time, id ConnID, messages int) {
	c := p.conns.get(id)
	if c == nil || messages < 1 {
		return
	}
	l, at := c.berth.lane, p.instant(now)
	if l.sessionMax == 0 || messages < l.sessionMax || at >= l.sessionUntil {
		l.sessionMax = messages
	}
	l.sessionUntil = at + 60*minute
}

// Closed ends a connection, whether the plan asked for it or not. What it still has in hand goes Back.
func (p *Plan) Closed(now time.Time, id ConnID) {
	at := p.instant(now)
	c := p.conns.get(id)
	if c == nil || c.state == dialing {
		return
	}
	switch c.state {
	case idling:
		p.rouse(c)
		fallthrough
	case working:
		c.berth.open--
		for _, st := range c.berth.streams {
			st.conns--
		}
	case closing:
		p.closing--
	}
	p.gone(at, c)
	for len(c.hand) > 0 {
		p.back(at, c, c.drop(c.hand[0].item.ID))
	}
}
