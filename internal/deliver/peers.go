package deliver

import (
	"net/netip"
	"sync"
	"time"
)

// peers remembers for an hour what is odd about a server. Only odd ones are kept.
type peers struct {
	mu  sync.Mutex
	max int
	of  map[netip.AddrPort]oddity
}

// oddity is what one server cannot bear.
type oddity struct {
	until  time.Time // when all of it is forgotten
	plain  bool      // no envelope may go with the end of the message before
	hangUp int       // how often it hung up with such an envelope unanswered
	limit  int       // messages over one connection; 0 = unknown
}

const memory = time.Hour

func newPeers(limit int) *peers {
	if limit <= 0 {
		limit = 10_000
	}
	return &peers{max: limit, of: make(map[netip.AddrPort]oddity)}
}

// get is what is known of a server at now.
func (p *peers) get(a netip.AddrPort, now time.Time) oddity {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, ok := p.of[a]
	if ok && now.After(o.until) {
		delete(p.of, a)
		return oddity{}
	}
	return o
}

// outOfStep notes that a server gave replies that do not fit the commands.
func (p *peers) outOfStep(a netip.AddrPort, now time.Time) {
	p.change(a, now, func(o *oddity) { o.plain = true })
}

// hungUp notes that it did so with an offered envelope unanswered. Once may be chance.
func (p *peers) hungUp(a netip.AddrPort, now time.Time) {
	p.change(a, now, func(o *oddity) {
		o.hangUp++
		o.plain = o.plain || o.hangUp > 1
	})
}

// limited notes how many messages it took over one connection before it wanted no more.
func (p *peers) limited(a netip.AddrPort, now time.Time, messages int) {
	p.change(a, now, func(o *oddity) { o.limit = messages })
}

func (p *peers) change(a netip.AddrPort, now time.Time, change func(*oddity)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, ok := p.of[a]
	if !ok && len(p.of) >= p.max {
		for other := range p.of { // any will do: what it knows is soon learned again
			delete(p.of, other)
			break
		}
	}
	if now.After(o.until) {
		o = oddity{}
	}
	o.until = now.Add(memory)
	change(&o)
	p.of[a] = o
}
