package testbed

import (
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy is a TCP relay in front of a server that can be told to misbehave. New connections are accepted at all times, and
// closed at once while it refuses.
type Proxy struct {
	target   string
	listener net.Listener
	running  sync.WaitGroup

	mu       sync.Mutex
	changed  sync.Cond // the hole was closed, or a link ended
	links    map[*link]struct{}
	accepted int
	refusing bool
	hole     bool          // bytes are taken from nobody
	delay    time.Duration // of each piece read
	limit    int64         // bytes from the client after which a link is cut; 0 = none
	closed   bool
}

// link is one relayed connection.
type link struct {
	client, server *net.TCPConn
	sent           int64 // bytes from the client; owned by its goroutine
	ended          bool  // guarded by Proxy.mu
}

// StartProxy relays a free port of loopback to target (host:port) until the test ends.
func StartProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{target: target, listener: l, links: map[*link]struct{}{}}
	p.changed.L = &p.mu
	p.running.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// Addr is host:port of the proxy.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Cut ends all connections (FIN). Bytes under way may be lost.
func (p *Proxy) Cut() { p.end(false) }

// Reset ends all connections with RST.
func (p *Proxy) Reset() { p.end(true) }

// Refuse makes new connections end at once, or stops that.
func (p *Proxy) Refuse(on bool) { p.set(func() { p.refusing = on }) }

// Blackhole makes the network silent: nothing is relayed and nothing closed; what was sent meanwhile arrives afterwards.
func (p *Proxy) Blackhole(on bool) { p.set(func() { p.hole = on }) }

// Delay holds each piece of data in each direction for d.
func (p *Proxy) Delay(d time.Duration) { p.set(func() { p.delay = d }) }

// CutAfter cuts each connection once its client has sent n bytes, counted from its beginning; 0 ends that.
func (p *Proxy) CutAfter(n int64) { p.set(func() { p.limit = n }) }

// Accepted counts the connections that came in so far.
func (p *Proxy) Accepted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

func (p *Proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	p.changed.Broadcast()
}

func (p *Proxy) end(reset bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		p.drop(l, reset)
	}
}

// drop needs p.mu.
func (p *Proxy) drop(l *link, reset bool) {
	if l.ended {
		return
	}
	l.ended = true
	delete(p.links, l)
	for _, c := range []*net.TCPConn{l.client, l.server} {
		if reset {
			_ = c.SetLinger(0)
		}
		_ = c.Close()
	}
	p.changed.Broadcast()
}

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.join(c.(*net.TCPConn)) })
	}
}

func (p *Proxy) join(client *net.TCPConn) {
	p.mu.Lock()
	p.accepted++
	refusing := p.refusing
	p.mu.Unlock()
	if refusing {
		_ = client.Close()
		return
	}
	server, err := net.DialTimeout("tcp", p.target, 5*time.Second)
	if err != nil {
		_ = client.Close()
		return
	}
	l := &link{client: client, server: server.(*net.TCPConn)}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.links[l] = struct{}{}
	if p.closed || p.refusing {
		p.drop(l, false)
		return
	}
	p.running.Go(func() { p.relay(l, l.client, l.server, true) })
	p.running.Go(func() { p.relay(l, l.server, l.client, false) })
}

func (p *Proxy) relay(l *link, from, to *net.TCPConn, counted bool) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		delay, allowed := p.pass(l, n, counted)
		if delay > 0 {
			time.Sleep(delay)
		}
		if _, werr := to.Write(buffer[:allowed]); err != nil || werr != nil || allowed < n {
			p.mu.Lock()
			p.drop(l, false)
			p.mu.Unlock()
			return
		}
	}
}

// pass waits while the network is silent, and says how long n bytes are held and how many of them may go on.
func (p *Proxy) pass(l *link, n int, counted bool) (time.Duration, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.hole && !l.ended {
		p.changed.Wait()
	}
	if counted && p.limit > 0 {
		n = int(min(int64(n), max(0, p.limit-l.sent)))
	}
	if counted {
		l.sent += int64(n)
	}
	return p.delay, n
}

func (p *Proxy) close() {
	_ = p.listener.Close()
	p.set(func() { p.closed, p.hole = true, false })
	p.end(false)
	p.running.Wait()
}
