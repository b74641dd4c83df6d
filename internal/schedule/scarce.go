package schedule

// unused is how long a connection is idle before one for another destination is worth more.
const unused = second / 2

// short says that a stream would have more connections if one that is idle for long were closed.
func (p *Plan) short(at int64) bool {
	if p.closing >= p.squeezed.len() || at-p.idle.first.idleSince < unused {
		return false
	}
	st := p.squeezed.items[p.squeezed.head]
	return st.short && st.queue.n > 0 && p.grows(at, st)
}

// queueUp puts the stream where those stand who get the next connection that ends.
func (p *Plan) queueUp(at int64, st *stream, res result) {
	if st.conns == 0 {
		p.thin(at, st)
	}
	st.short = res == full
	switch {
	case st.conns == 0 && st.short:
		if !st.needy {
			st.needy, st.needySince = true, at
			p.needy.push(st)
		}
	case !st.squeezed:
		st.squeezed = true
		p.squeezed.push(st)
	}
}

// shareOf is how many connections a group may have while so many are left: nine tenths of all at most, or a half if it
// is slow or unproven, and less the more groups there are (dynamic threshold). So a destination that swallows
// connections cannot take them all before others have come.
func (p *Plan) shareOf(at int64, g *group, left int) int {
	if g.slow(at) {
		return left
	}
	return 9 * left
}

// nextInLine lets a stream have the connection that has become free: one without any first.
func (p *Plan) nextInLine() {
	if p.nextNeedy() {
		return
	}
	for p.squeezed.len() > 0 {
		st := p.squeezed.pop()
		st.squeezed = false
		if st.queue.n > 0 {
			p.want(st)
			return
		}
	}
}

func (p *Plan) nextNeedy() bool {
	for p.needy.len() > 0 {
		st := p.needy.pop()
		st.needy = false
		if st.queue.n > 0 && !st.dropped {
			p.want(st)
			return true
		}
	}
	return false
}

// turnTime is how long a connection may be kept when others have none.
const turnTime = 2 * second

// yields says that a connection that asks for work is to end, because another destination has none, or far less than
// its share, and there are no more.
func (p *Plan) yields(at int64, c *conn) bool {
	if p.max == 0 || p.conns.n < p.max || c.messages == 0 {
		return false
	}
	g := c.berth.lane.group
	fair := p.max / max(p.busyGroups+p.needy.len(), 1)
	if p.needy.len() > p.closing {
		return g.conns > max(fair, 1) || at-c.opened > turnTime
	}
	if p.squeezed.len() <= p.closing || g.conns <= fair {
		return false
	}
	first := p.squeezed.items[p.squeezed.head]
	if first.short && first.group.conns < fair && first.queue.n > 0 {
		return true
	}
	p.squeezed.push(p.squeezed.pop()) // the next may deserve it
	return false
}
