package schedule

import "slices"

// reviewPerTodo bounds the work after a change of the limits.
const reviewPerTodo = 1000

// review makes new limits count for what is there: connections, and mail that waits in memory.
func (p *Plan) review(at int64) {
	for range min(p.reviews.len(), reviewPerTodo) {
		g := p.reviews.pop()
		g.reviewed = false
		for _, l := range g.allLanes {
			if l.idle.n > 0 {
				p.trim(at, l)
			}
		}
		for _, st := range g.allStreams {
			if st.queue.n > 0 {
				p.offer(at, st)
			}
		}
		if g.hungry.len() > 0 {
			p.mayFill(at, g)
		}
	}
}

// trim closes the idle connections of a lane that are not to be there any more, and uses the others.
func (p *Plan) trim(at int64, l *lane) {
	for c := l.idle.first; c != nil; {
		next := c.links[byLane].next
		if end := c.idleSince + l.idleTime(p); p.ends(at, c) || end <= at {
			p.close(c)
		} else {
			p.timers.arm(&c.timer, c, end)
		}
		c = next
	}
	for _, t := range l.group.reachable(l.source) {
		if r := l.remotes[t.Addr]; r != nil {
			p.thinIdle(l, r)
		}
	}
	l.due(p, at)
}

// recall takes back what has been noted for idle connections of a lane, or of all: it may not go out any more, and the loop can
// remove it. What still may goes to them again when their lane is looked at.
func (p *Plan) recall(at int64, of *lane) {
	p.todo.Hand = slices.DeleteFunc(p.todo.Hand, func(h Hand) bool {
		c := p.conns.get(h.Conn)
		if c == nil || !c.holds(h.Item.ID) || of != nil && c.berth.lane != of {
			return false
		}
		p.giveBack(at, c, c.drop(h.Item.ID))
		if p.stopped {
			p.close(c)
		} else {
			p.rest(at, c)
		}
		return true
	})
}
