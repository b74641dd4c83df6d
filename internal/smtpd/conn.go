package smtpd

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"posthoorn/internal/mail"
)

// conn is a connection with its deadlines. Reads are allowed until the moment that was set last, or not at all once the server
// stops or needs the place.
type conn struct {
	net.Conn                     // behind the PROXY header, if there is one; the session's goroutine alone uses it
	raw           net.Conn       // the socket
	local, remote netip.AddrPort // of the PROXY header, if there is one
	secured       bool           // the peer has ended TLS for the client, and says so in the PROXY header
	waiting       atomic.Int64   // since when the server waits for the client, in Unix nanoseconds; ourTurn while it does not

	counted, known, leaving bool // of limits: counted for its address; it may relay by that; told to go

	mu      sync.Mutex
	stopped *mail.Error // why nothing more is read; nil: it may be
}

func newConn(raw net.Conn) *conn {
	c := &conn{Conn: raw, raw: raw, local: addrPort(raw.LocalAddr()), remote: addrPort(raw.RemoteAddr())}
	c.waiting.Store(time.Now().UnixNano())
	return c
}

func addrPort(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		ap := tcp.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
	}
	return netip.AddrPort{}
}

// limitRead sets the moment by which a read must have brought something; it says why when nothing may be read any more.
func (c *conn) limitRead(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped != nil {
		return c.stopped
	}
	_ = c.raw.SetReadDeadline(t)
	return nil
}

func (c *conn) limitWrite(d time.Duration) { _ = c.raw.SetWriteDeadline(time.Now().Add(d)) }

// stop makes a read that waits, and every later one, fail. The first reason stays.
func (c *conn) stop(why *mail.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped == nil {
		c.stopped = why
	}
	_ = c.raw.SetReadDeadline(time.Unix(1, 0))
}

// whyStopped is nil while reads are allowed.
func (c *conn) whyStopped() *mail.Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopped
}
