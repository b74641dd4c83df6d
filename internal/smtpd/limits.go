package smtpd

import (
	"net/netip"
	"sync"
	"time"
)

// limits counts sessions, in all and per address. IPv6 addresses count by their /64, which one customer has.
type limits struct {
	mu       sync.Mutex
	total    int
	conns    map[*conn]struct{}
	byIP     map[netip.Addr]int
	leaving  int       // sessions that were told to go
	lookAt   time.Time // not before it is worth looking for one that could go
	stopping bool
}

func (l *limits) init(total int) {
	l.total = total
	l.conns, l.byIP = map[*conn]struct{}{}, map[netip.Addr]int{}
}

// enter lets a connection in, unless there are too many and none can be made to go.
func (l *limits) enter(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopping || len(l.conns)-l.leaving >= l.total && !l.makeRoom(time.Now()) {
		return false
	}
	l.conns[c] = struct{}{}
	return true
}

// enterAddress counts a connection for its address, once that is clear, unless it has as many as it may.
func (l *limits) enterAddress(c *conn, o *Options) bool {
	key, most := network(c.remote.Addr()), o.sessionsOf(c.remote.Addr())
	l.mu.Lock()
	defer l.mu.Unlock()
	c.known = o.known(c.remote.Addr())
	if l.byIP[key] >= most {
		return false
	}
	l.byIP[key]++
	c.counted = true
	return true
}

func (l *limits) leave(c *conn) {
	key := network(c.remote.Addr())
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
	if c.leaving {
		l.leaving--
	}
	if !c.counted {
		return
	}
	if l.byIP[key]--; l.byIP[key] <= 0 {
		delete(l.byIP, key)
	}
}

func network(ip netip.Addr) netip.Addr {
	if !ip.Is6() {
		return ip
	}
	p, err := ip.Prefix(64)
	if err != nil {
		return ip
	}
	return p.Addr()
}

func (l *limits) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

// stop lets nobody in any more and wakes all that wait for their client.
func (l *limits) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopping = true
	for c := range l.conns {
		c.stop(errStopping)
	}
}

// closeAll cuts all connections.
func (l *limits) closeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		_ = c.raw.Close()
	}
}

// sessionsOf is how many sessions an address may have. One stranger cannot take the sessions of all others.
func (o *Options) sessionsOf(ip netip.Addr) int {
	const leastOfStrangers = 5
	switch {
	case o.MaxSessionsPerIP > 0:
		return o.MaxSessionsPerIP
	case o.known(ip):
		return o.MaxSessions
	}
	return max(o.MaxSessions/10, leastOfStrangers)
}

// known says whether an address belongs to those that may relay, with a login if one is needed.
func (o *Options) known(ip netip.Addr) bool {
	if len(o.Range) > 0 {
		return contains(o.Range, ip)
	}
	return ip.IsLoopback()
}

// Sessions is how many sessions are open now.
func (s *Server) Sessions() int { return s.limits.count() }
