package smtpd

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"posthoorn/internal/mail"
)

// Listen opens every address and port of the options, or none. Call Serve after it; between the two the process may change its
// user.
func (s *Server) Listen() error {
	if len(s.opts.SecurePorts) > 0 && s.tls == nil {
		return errors.New("ports with TLS need a certificate")
	}
	for _, port := range append(append([]int(nil), s.opts.Ports...), s.opts.SecurePorts...) {
		for _, host := range s.hosts() {
			l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
			if err != nil {
				for _, open := range s.listeners {
					_ = open.Close()
				}
				s.listeners = nil
				return fmt.Errorf("SMTP port: %w", err)
			}
			s.listeners = append(s.listeners, l)
		}
	}
	return nil
}

func (s *Server) hosts() []string {
	if len(s.opts.IPs) == 0 {
		return []string{""}
	}
	hosts := make([]string, len(s.opts.IPs))
	for i, ip := range s.opts.IPs {
		hosts[i] = ip.String()
	}
	return hosts
}

// Addresses are where the server listens, in the order of the options: clear ports first.
func (s *Server) Addresses() []net.Addr {
	list := make([]net.Addr, len(s.listeners))
	for i, l := range s.listeners {
		list[i] = l.Addr()
	}
	return list
}

// Serve starts to accept connections and returns at once.
func (s *Server) Serve() {
	clear := len(s.opts.Ports) * len(s.hosts())
	for i, l := range s.listeners {
		s.running.Go(func() { s.acceptFrom(l, i >= clear) })
	}
}

// acceptFrom accepts until the listener is closed. When there are no file handles it waits a little instead of spinning.
func (s *Server) acceptFrom(l net.Listener, secure bool) {
	const longest = time.Second
	pause := 5 * time.Millisecond
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			pause = 5 * time.Millisecond
			s.running.Go(func() { s.serveConn(conn, secure) })
		case s.stopping.Load() || errors.Is(err, net.ErrClosed):
			return
		default:
			s.opts.Log.Error("SMTP connections cannot be accepted at the moment", "address", l.Addr().String(), "error", err)
			s.wait(pause)
			pause = min(2*pause, longest)
		}
	}
}

// wait pauses, but not beyond the end of the server.
func (s *Server) wait(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.ctx.Done():
	}
}

// serveConn runs one connection from its first byte to its last.
func (s *Server) serveConn(raw net.Conn, secure bool) {
	defer func() { _ = raw.Close() }()
	c := newConn(raw)
	if !s.limits.enter(c) {
		s.turnAway(c, secure, errBusy)
		return
	}
	defer s.limits.leave(c)
	if err := s.readProxy(c); err != nil {
		s.opts.Log.Warn("no valid PROXY header", "peer", raw.RemoteAddr().String(), "error", err)
		return
	}
	if !s.limits.enterAddress(c, &s.opts) {
		s.turnAway(c, secure, errBusyAddress)
		return
	}
	if !s.welcome(c.remote.Addr()) {
		s.turnAway(c, secure, errNotWelcome)
		return
	}
	newSession(s, c).run(secure)
}

var (
	errBusy        = &mail.Error{Code: 421, Status: "4.3.2", Text: "Too many connections, try again later"}
	errBusyAddress = &mail.Error{Code: 421, Status: "4.7.0", Text: "Too many connections from your address"}
	errNotWelcome  = &mail.Error{Code: 554, Status: "5.7.1", Text: "Access denied"}
)

// turnAway says why in one line, without waiting for the peer. In TLS nothing can be said so cheaply.
func (s *Server) turnAway(c *conn, secure bool, why *mail.Error) {
	s.metrics.turnedAway(why, 1)
	s.noteTurnedAway(c, why)
	if secure {
		return
	}
	c.limitWrite(5 * time.Second)
	_, _ = c.Conn.Write(appendReply(nil, why))
}

// welcome says whether a peer may connect at all.
func (s *Server) welcome(ip netip.Addr) bool {
	return (len(s.opts.Range) == 0 || contains(s.opts.Range, ip)) && (s.opts.Barred == nil || !s.opts.Barred(ip))
}

func contains(list []netip.Prefix, ip netip.Addr) bool {
	for _, p := range list {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}
