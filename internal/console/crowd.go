package console

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// crowd are the open connections of all ports, so many at most. A new one beyond that takes the place of one that is not needed:
// where most come from, the one that has been there longest. So neither browsers that keep connections nor strangers who send
// nothing lock the operator out.
type crowd struct {
	most int

	mu     sync.Mutex
	guests map[*guest]struct{}
}

// guest is one connection.
type guest struct {
	net.Conn
	crowd *crowd
	peer  netip.Addr
	since time.Time
	held  atomic.Int32 // what it carries for somebody who is logged in: it is not closed for another
	gone  sync.Once
}

func newCrowd(most int) *crowd { return &crowd{most: most, guests: map[*guest]struct{}{}} }

// listener lets those in that a port accepts.
func (c *crowd) listener(l net.Listener) net.Listener { return &crowded{l, c} }

type crowded struct {
	net.Listener
	crowd *crowd
}

func (l *crowded) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if g := l.crowd.enter(conn); g != nil {
			return g, nil
		}
		_ = conn.Close()
	}
}

// enter is nil when there is no place to be had.
func (c *crowd) enter(conn net.Conn) *guest {
	g := &guest{Conn: conn, crowd: c, peer: peerOf(conn.RemoteAddr().String()), since: time.Now()}
	c.mu.Lock()
	var victim *guest
	if len(c.guests) >= c.most {
		if victim = c.leastNeeded(); victim == nil {
			c.mu.Unlock()
			return nil
		}
		delete(c.guests, victim)
	}
	c.guests[g] = struct{}{}
	c.mu.Unlock()
	if victim != nil {
		_ = victim.Conn.Close() // its handler sees an error and ends
	}
	return g
}

// leastNeeded is the oldest that nobody holds, of the peer that has most of these.
func (c *crowd) leastNeeded() (victim *guest) {
	many := map[netip.Addr]int{}
	for g := range c.guests {
		if g.held.Load() == 0 {
			many[g.peer]++
		}
	}
	for g := range c.guests {
		if g.held.Load() > 0 {
			continue
		}
		if victim == nil || many[g.peer] > many[victim.peer] || many[g.peer] == many[victim.peer] && g.since.Before(victim.since) {
			victim = g
		}
	}
	return victim
}

// Close gives the place back.
func (g *guest) Close() error {
	g.gone.Do(func() {
		g.crowd.mu.Lock()
		defer g.crowd.mu.Unlock()
		delete(g.crowd.guests, g)
	})
	return g.Conn.Close()
}

// hold keeps the connection until release.
func (g *guest) hold()    { g.held.Add(1) }
func (g *guest) release() { g.held.Add(-1) }

// peerOf is the address of host:port, zero if it is none.
func peerOf(hostPort string) netip.Addr {
	p, err := netip.ParseAddrPort(hostPort)
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr().Unmap().WithZone("")
}
