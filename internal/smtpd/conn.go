package smtpd

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// conn is a connection with its deadlines. Reads are allowed until the moment that was set last, or not at all once the server
// stops.
type conn struct {
	net.Conn                     // behind the PROXY header, if there is one; the session's goroutine alone uses it
	raw           net.Conn       // the socket
	local, remote netip.AddrPort // of the PROXY header, if there is one
	counted       bool           // for its address

	mu      sync.Mutex
	stopped bool
}

func newConn(raw net.Conn) *conn {
	return &conn{Conn: raw, raw: raw, local: addrPort(raw.LocalAddr()), remote: addrPort(raw.RemoteAddr())}
}

func addrPort(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		ap := tcp.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
	}
	return netip.AddrPort{}
}

// limitRead sets the moment by which a read must have brought something; false when the server stops.
func (c *conn) limitRead(t time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopped {
		_ = c.raw.SetReadDeadline(t)
	}
	return !c.stopped
}

func (c *conn) limitWrite(d time.Duration) { _ = c.raw.SetWriteDeadline(time.Now().Add(d)) }

// stop makes a read that waits, and every later one, fail.
func (c *conn) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	_ = c.raw.SetReadDeadline(time.Unix(1, 0))
}
