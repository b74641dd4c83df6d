package smtpd

import (
	"net/netip"
	"sync"
)

// limits counts sessions, in all and per address. IPv6 addresses count by their /64, which one customer has.
type limits struct {
	mu       sync.Mutex
	total    int
	perIP    int
	conns    map[*conn]struct{}
	byIP     map[netip.Addr]int
	stopping bool
}

func (l *limits) init(total, perIP int) {
	l.total, l.perIP = total, perIP
	l.conns, l.byIP = map[*conn]struct{}{}, map[netip.Addr]int{}
}

// enter lets a connection in, unless there are too many.
func (l *limits) enter(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.conns) >= l.total || l.stopping {
		return false
	}
	l.conns[c] = struct{}{}
	return true
}

// enterAddress counts a connection for its address, once that is known.
func (l *limits) enterAddress(c *conn) bool {
	key := network(c.remote.Addr())
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byIP[key] >= l.perIP {
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
		c.stop()
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

// Sessions is how many sessions are open now.
func (s *Server) Sessions() int { return s.limits.count() }
