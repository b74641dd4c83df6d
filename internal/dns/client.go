package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"time"

	mdns "github.com/miekg/dns"
)

// client sends queries. Each goes out on a socket of its own, so the port is as random as the kernel makes it.
type client struct {
	servers           []netip.AddrPort
	rotate            bool
	attempts          int
	interval, timeout time.Duration
	turn              atomic.Uint32
}

// exchange asks until an answer says something about the name. Silence costs an interval (the last attempt waits for
// the timeout); a refusal (SERVFAIL, REFUSED, a lame server, a closed port) only its turn: once there are as many as
// servers there is no point in asking on. The bool is
// the AD bit, if it came from this machine.
func (c *client) exchange(ctx context.Context, k key) (*mdns.Msg, bool, error) {
	start := 0
	if c.rotate {
		start = int(c.turn.Add(1) % uint32(len(c.servers)))
	}
	var last error
	refusals := 0
	for i := range c.attempts {
		server := c.servers[(start+i)%len(c.servers)]
		wait := c.interval
		if i == c.attempts-1 {
			wait = c.timeout
		}
		m, err := c.once(ctx, server, k, wait)
		if err == nil {
			return m, validated(m, server), nil
		}
		last = err
		if ctx.Err() != nil {
			return nil, false, context.Cause(ctx)
		}
		if silent := errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded); !silent {
			refusals++
		}
		if refusals >= len(c.servers) {
			break
		}
	}
	return nil, false, last
}

// validated believes the AD bit only of a server on this machine: on any network it can be set by others (T31).
func validated(m *mdns.Msg, server netip.AddrPort) bool {
	return m.AuthenticatedData && server.Addr().IsLoopback()
}

// once asks one server: over UDP, over TCP if the answer did not fit, without EDNS0 if it does not know that
// (RFC 6891 section 7).
func (c *client) once(ctx context.Context, server netip.AddrPort, k key, wait time.Duration) (*mdns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	m, err := transact(ctx, server, query(k, true))
	if err == nil && (m.Rcode == mdns.RcodeFormatError || m.Rcode == mdns.RcodeNotImplemented) {
		m, err = transact(ctx, server, query(k, false))
	}
	if err != nil {
		return nil, err
	}
	switch {
	case m.Rcode != mdns.RcodeSuccess && m.Rcode != mdns.RcodeNameError:
		return nil, fmt.Errorf("name server %v says %s", server, mdns.RcodeToString[m.Rcode])
	case m.Rcode == mdns.RcodeSuccess && len(m.Answer) == 0 && !m.Authoritative && !m.RecursionAvailable:
		return nil, fmt.Errorf("name server %v knows nothing of it (lame)", server)
	}
	return m, nil
}

// udpSize is the answer size asked for: what passes everywhere unfragmented.
const udpSize = 1232

func query(k key, edns bool) *mdns.Msg {
	m := new(mdns.Msg)
	m.SetQuestion(mdns.Fqdn(k.name), k.qtype) // random id, recursion desired
	m.AuthenticatedData = true
	if edns {
		m.SetEdns0(udpSize, false)
	}
	return m
}

func transact(ctx context.Context, server netip.AddrPort, q *mdns.Msg) (*mdns.Msg, error) {
	m, err := over(ctx, "udp", server, q)
	if err == nil && m.Truncated {
		q.Id = mdns.Id()
		m, err = over(ctx, "tcp", server, q)
	}
	return m, err
}

func over(ctx context.Context, network string, server netip.AddrPort, q *mdns.Msg) (*mdns.Msg, error) {
	packet, err := q.Pack()
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, server.String())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if network == "tcp" {
		return overTCP(conn, packet, q)
	}
	return overUDP(conn, packet, q)
}

// overUDP reads until an answer of ours comes: others may be forged, and must not end the wait.
func overUDP(conn net.Conn, packet []byte, q *mdns.Msg) (*mdns.Msg, error) {
	if _, err := conn.Write(packet); err != nil {
		return nil, err
	}
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return nil, err
		}
		if m, ok := read(buf[:n], q); ok {
			return m, nil
		}
	}
}

var errForeign = errors.New("answer to another question")

func overTCP(conn net.Conn, packet []byte, q *mdns.Msg) (*mdns.Msg, error) {
	out := binary.BigEndian.AppendUint16(make([]byte, 0, len(packet)+2), uint16(len(packet)))
	if _, err := conn.Write(append(out, packet...)); err != nil {
		return nil, err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, err
	}
	buf := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, buf); err != nil {
		return nil, err
	}
	if m, ok := read(buf, q); ok && !m.Truncated {
		return m, nil
	}
	return nil, errForeign
}

// read accepts an answer with our id and our question. One that is cut off so that it cannot be read counts as
// truncated if its header says so.
func read(packet []byte, q *mdns.Msg) (*mdns.Msg, bool) {
	if len(packet) < 12 || binary.BigEndian.Uint16(packet) != q.Id || packet[2]&0x80 == 0 {
		return nil, false
	}
	m := new(mdns.Msg)
	if err := m.Unpack(packet); err != nil {
		if m.Id == q.Id && m.Truncated {
			return m, true
		}
		return nil, false
	}
	if len(m.Question) == 0 && (m.Rcode == mdns.RcodeFormatError || m.Rcode == mdns.RcodeNotImplemented) {
		return m, true // a server that could not read the question cannot repeat it
	}
	if len(m.Question) != 1 {
		return nil, false
	}
	a, b := m.Question[0], q.Question[0]
	return m, a.Qtype == b.Qtype && a.Qclass == b.Qclass && strings.EqualFold(a.Name, b.Name)
}
