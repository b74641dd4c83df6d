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
	if p.stopped || p.ends(at, c) || p.yields(at, c) {
		p.close(c)
		return Item{}, false
	}
	l := c.berth.lane
	ready := max(l.ready(p, at), c.dock.ready(p, at))
	e := c.berth.next()
	if ready > at || e == nil {
		p.rest(at, c)
		if e != nil && ready != never && c.state == idling {
			p.timers.arm(&l.timer, l, ready)
		}
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
	if c == nil || c.state != working || len(c.hand) != 1 || p.stopped {
		return Item{}, false
	}
	b := c.berth
	if p.ends(at, c) || b.lane.ready(p, at) > at || c.dock.ready(p, at) > at || b.rested(p, at) || p.yields(at, c) {
		return Item{}, false
	}
	e := b.next()
	if e == nil {
		return Item{}, false
	}
	p.take(at, c, e)
	return e.item, true
}

// rested says that an idle connection of the berth could carry an item.
func (b *berth) rested(p *Plan, at int64) bool {
	if b.idle == 0 {
		return false
	}
	c, _ := b.pick(p, at)
	return c != nil
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
	r, limits := c.remote, l.current(p)
	l.takes++
	r.takes++
	l.lastTake = at
	e.conn, e.taken, e.turn, e.remoteTurn = c, at, l.takes, r.takes
	if g := st.group; g.inHand == 1 {
		g.moved = at
	}
	c.hand = append(c.hand, e)
	c.messages++
	if l.sinceOpen++; l.sinceOpen == limits.MinMessages {
		st.group.events++ // another may be opened now
		p.want(st)
	}
	l.messages.take(at, 1, int64(limits.Domain.Messages))
	r.messages.take(at, 1, int64(limits.Remote.Messages))
	p.addBytes(at, c, e.item.Size)
	p.touch(l)
}

// addBytes counts bytes that c carries; less than nothing if it was less than thought.
func (p *Plan) addBytes(at int64, c *conn, n int64) {
	limits := c.berth.lane.current(p)
	c.berth.lane.bytes.take(at, n, limits.Domain.Bytes)
	c.remote.bytes.take(at, n, limits.Remote.Bytes)
	c.bytes += n
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
		p.addBytes(at, c, more)
	}
	from := e.taken
	if len(c.hand) > 0 { // its successor could not begin before this end
		c.hand[0].taken = at
	}
	e.stream.group.measure(at, at-from)
	l.lastEnd = at
	p.judge(at, c, o)
	for _, f := range o.Floods {
		p.flood(at, l, f)
	}
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

// strikeOut is how many strange ends in a row take an address offline, and the lane if it has no other.
const strikeOut = 5

func (p *Plan) judge(at int64, c *conn, o Outcome) {
	b, r := c.berth, c.remote
	switch {
	case o.Delivered:
		r.strikes = 0
	case o.Strange:
		if r.strikes++; r.strikes < strikeOut {
			return
		}
		err := cmp.Or(o.Err, ErrStrange)
		r.strikes = 0
		r.miss(at, b.lane.offlineTime(p), err)
		r.odd = r.trouble.until
		if left, _, part := p.hope(at, b); !left {
			p.offline(at, b.lane, &b.lane.outage, err, part)
		}
		p.endIdle(at, b.lane)
	}
}

// endIdle closes the idle connections of a lane that are not to be used any more.
func (p *Plan) endIdle(at int64, l *lane) {
	for c := l.idle.first; c != nil; {
		next := c.links[byLane].next
		if p.ends(at, c) {
			p.close(c)
		}
		c = next
	}
	p.wantAll(l)
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

// Withdraw is Back for an item that is to leave the plan, so that no other connection gets it. False: it was not in the hand of this
// connection, or is parked after Stop.
func (p *Plan) Withdraw(now time.Time, id ConnID, item uint64) bool {
	c := p.conns.get(id)
	if c == nil {
		return false
	}
	e := c.drop(item)
	return e != nil && p.giveBack(p.instant(now), c, e) != nil && p.Remove(now, item)
}

func (p *Plan) back(at int64, c *conn, e *entry) {
	if st := p.giveBack(at, c, e); st != nil {
		p.offer(at, st)
	}
}

// giveBack puts an entry that was not attempted into its queue again and says which that is; nil: it was parked, after Stop.
func (p *Plan) giveBack(at int64, c *conn, e *entry) *stream {
	l, st := c.berth.lane, e.stream
	limits := l.current(p)
	c.messages--
	c.bytes -= e.item.Size
	l.sinceOpen--
	if e.turn == l.takes {
		l.takes--
		l.messages.giveBack(at, 1, int64(limits.Domain.Messages))
		l.bytes.giveBack(at, e.item.Size, limits.Domain.Bytes)
	}
	if r := c.remote; e.remoteTurn == r.takes {
		r.takes--
		r.messages.giveBack(at, 1, int64(limits.Remote.Messages))
		r.bytes.giveBack(at, e.item.Size, limits.Remote.Bytes)
	}
	p.release(e)
	p.waiting++
	if st.dropped { // its place has been taken down meanwhile
		st = p.stream(at, st.group, st.pool, st.class)
	}
	p.put(st, e)
	p.touch(l)
	if p.stopped {
		p.park(at, e, Stopping, 0)
		return nil
	}
	return st
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
		c.berth.cast(c)
		c.berth.open--
		for _, st := range c.berth.streams {
			st.conns--
		}
	case closing:
		p.closing--
		c.berth.lane.closing--
		c.remote.closing--
	}
	p.gone(at, c)
	for len(c.hand) > 0 {
		p.back(at, c, c.drop(c.hand[0].item.ID))
	}
}
