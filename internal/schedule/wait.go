package schedule

// waitOfSite says what a site waits for: its lookup, or what the lane that goes on first waits for.
func (p *Plan) waitOfSite(at int64, s *site, x *Explanation) Wait {
	switch {
	case p.stopped:
		return Wait{For: "nothing more is sent, the program stops"}
	case at < s.failed:
		return Wait{For: "the lookup failed: " + words(s.failure), Since: p.moment(s.failedAt), Next: p.moment(s.failed)}
	case s.group == nil && s.lookup != known:
		return Wait{For: "the lookup of its servers", Since: p.moment(s.since)}
	case s.group == nil:
		return Wait{For: "mail: its servers have not been looked up"}
	case x.Waiting+x.InHand+x.Backlog == 0:
		return Wait{For: "mail: there is none", Since: p.moment(s.used)}
	case s.group.waiting == 0 && s.group.inHand > 0 && x.Backlog == 0:
		return Wait{For: "nothing: all its messages are being sent", Since: p.moment(s.group.moved)}
	}
	for _, st := range s.group.allStreams {
		if st.needy {
			return Wait{For: "a free connection: all that this program may have are in use", Since: p.ending(st.needySince)}
		}
	}
	first := Wait{For: "the next look at its addresses"}
	for i, l := range x.Lanes {
		if l.Waits.Next.IsZero() && i > 0 || l.Waits.For == nothingToSend {
			continue
		}
		if first.Next.IsZero() || l.Waits.Next.Before(first.Next) {
			first = l.Waits
		}
	}
	return first
}

const nothingToSend = "mail: there is none for it"

// waitOfLane says what keeps a lane from sending its next message.
func (p *Plan) waitOfLane(at int64, l *lane) Wait {
	if o := p.sources[l.source]; o != nil && o.active(at) {
		return Wait{For: "the source address cannot be used: " + words(o.err), Since: p.moment(o.since), Next: p.moment(o.until)}
	}
	if o := &l.outage; o.active(at) {
		return Wait{For: "offline: " + words(o.err), Since: p.moment(o.since), Next: p.moment(o.until)}
	}
	if l.silent > at {
		f := l.loudest()
		return Wait{For: "the pause of the flood pattern " + quoted(f.name), Since: p.moment(f.since), Next: p.moment(f.pause)}
	}
	if !l.wanted() {
		w := Wait{For: nothingToSend, Since: p.ending(max(l.lastEnd, l.lastTake, l.lastDial))}
		return w
	}
	if w, ok := p.waitForRate(at, l); ok {
		return w
	}
	return p.waitForConn(at, l)
}

// loudest is the flood whose pause is the longest.
func (l *lane) loudest() flooding {
	best := flooding{}
	for _, f := range l.tide.list {
		if f.pause > best.pause {
			best = f
		}
	}
	return best
}

func quoted(name string) string { return "“" + name + "”" }

// wanted says that mail waits which may leave over the lane.
func (l *lane) wanted() bool {
	for _, st := range l.group.allStreams {
		if st.pool.has(l.source) && (st.queue.n > 0 || st.held != NoReason) {
			return true
		}
	}
	return l.group.hungry.len() > 0
}

// waitForRate says whether the rates of the whole destination hold the lane up.
func (p *Plan) waitForRate(at int64, l *lane) (Wait, bool) {
	limits := &l.current(p).Domain
	messages, bytes := l.messages.ready(at, int64(limits.Messages)), l.bytes.ready(at, limits.Bytes)
	switch {
	case messages > at && messages >= bytes:
		return Wait{For: "the limit of messages per minute", Since: p.ending(l.lastTake), Next: p.moment(messages)}, true
	case bytes > at:
		return Wait{For: "the limit of bytes per minute", Since: p.ending(l.lastTake), Next: p.moment(bytes)}, true
	}
	return Wait{}, false
}

// waitForConn says what keeps a lane from using or opening a connection.
func (p *Plan) waitForConn(at int64, l *lane) Wait {
	limits := &l.current(p).Domain
	connect := l.connects.ready(at, int64(limits.Connects))
	switch {
	case l.live() == 0 && connect > at:
		return Wait{For: "the limit of connections per minute", Since: p.ending(l.lastDial), Next: p.moment(connect)}
	case l.opening > 0:
		return Wait{For: "a dial that is on its way", Since: p.moment(l.lastDial)}
	case l.pause > at:
		return Wait{For: "the server wants no more connections for a while", Since: p.ending(l.lastDial), Next: p.moment(l.pause)}
	case limits.Connections > 0 && l.conns >= limits.Connections:
		return Wait{For: "a connection: the limit of connections is reached", Since: p.ending(l.lastDial)}
	case l.conns > 0 && l.sinceOpen < l.limits.MinMessages:
		return Wait{For: "the newest connection to carry its minimum of messages", Since: p.ending(l.lastDial)}
	}
	return p.waitForRemote(at, l)
}

// waitForRemote says what the remote addresses have against another message.
func (p *Plan) waitForRemote(at int64, l *lane) Wait {
	for _, b := range l.berths {
		if o := &b.outage; o.active(at) {
			return Wait{For: "what the class of the mail demands cannot be had: " + words(o.err), Since: p.moment(o.since), Next: p.moment(o.until)}
		}
		t, when, why := p.choose(at, b)
		switch {
		case t != nil || why == Rate && b.ready(p, at) <= at:
			continue
		case why == Paused:
			return Wait{For: "the pause of its remote addresses"}
		case why == Rate:
			return Wait{For: "the limits of its remote addresses per minute", Since: p.ending(l.lastTake), Next: p.moment(when)}
		case when != never:
			return Wait{For: "a connection: the remote addresses that may have one have failed", Since: p.ending(l.lastDial), Next: p.moment(when)}
		}
		return Wait{For: "a connection: the limits of its remote addresses are reached", Since: p.ending(l.lastDial)}
	}
	if l.conns > 0 {
		return Wait{For: "a connection: those that it has are at work", Since: p.ending(l.lastTake)}
	}
	return Wait{For: "a dial, which is due", Next: p.moment(at)}
}
