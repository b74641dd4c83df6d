// Package dnstest is a DNS server for tests: a real one, on a port of 127.0.0.1, over UDP and TCP, that answers from a
// zone given as text and misbehaves for names on request. It behaves like a recursive server, so a program can be
// pointed at it as it is at its usual one.
//
// It starts two goroutines, which end with Close.
package dnstest

import (
	"net"
	"strings"
	"sync"

	mdns "github.com/miekg/dns"
)

// Fault is a way of answering badly.
type Fault int

const (
	None          Fault = iota
	ServFail            // rcode SERVFAIL
	Refused             // rcode REFUSED
	Silent              // no answer at all
	Truncate            // UDP answers are empty with the TC bit; TCP works
	TCPOnly             // as Truncate, but over UDP the packet is cut in the middle
	WrongID             // the id is another one
	WrongQuestion       // the question is another one
	Forged              // first a forged answer with a wrong id, then the right one
	Lame                // an empty answer that is neither authoritative nor recursive
	NoEDNS              // FORMERR to a query with EDNS0
)

// Server is a running server.
type Server struct {
	Addr string // host:port, for UDP and TCP

	udp, tcp *mdns.Server
	mu       sync.Mutex
	zone     zone
	secure   bool
	faults   map[string]Fault
	queries  map[string]int
}

// Start serves the zone, lines in master-file format, e.g.
//
//	example.test       MX 10 mx.example.test
//	mx.example.test 60 A  127.0.0.1
//	*.test             MX 10 mx.example.test
//
// A name that is in no line does not exist. Negative answers live for 120 s.
func Start(lines string) (*Server, error) {
	z, err := parseZone(lines)
	if err != nil {
		return nil, err
	}
	s := &Server{zone: z, faults: make(map[string]Fault), queries: make(map[string]int)}
	packets, streams, err := listen()
	if err != nil {
		return nil, err
	}
	s.Addr = packets.LocalAddr().String()
	s.udp = &mdns.Server{PacketConn: packets, Handler: s}
	s.tcp = &mdns.Server{Listener: streams, Handler: s}
	for _, server := range []*mdns.Server{s.udp, s.tcp} {
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		go func() { _ = server.ActivateAndServe() }() // it ends with an error when it is closed
		<-started
	}
	return s, nil
}

// listen finds a port that is free for both.
func listen() (packets net.PacketConn, streams net.Listener, err error) {
	for range 20 {
		if packets, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			return nil, nil, err
		}
		if streams, err = net.Listen("tcp", packets.LocalAddr().String()); err == nil {
			return packets, streams, nil
		}
		_ = packets.Close()
	}
	return nil, nil, err
}

// Close stops the server.
func (s *Server) Close() error {
	if err := s.udp.Shutdown(); err != nil {
		return err
	}
	return s.tcp.Shutdown()
}

// Set puts another zone in place of the present one.
func (s *Server) Set(lines string) error {
	z, err := parseZone(lines)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zone = z
	return nil
}

// Fault makes all answers about name bad from here on, or good again with None. "*" stands for every name that has no
// fault of its own.
func (s *Server) Fault(name string, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[plain(name)] = f
}

// Secure makes answers carry the AD bit for those who ask for it.
func (s *Server) Secure(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secure = on
}

// Queries says how often name was asked for, any type, UDP and TCP together.
func (s *Server) Queries(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queries[plain(name)]
}

func plain(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// ServeDNS answers one query.
func (s *Server) ServeDNS(w mdns.ResponseWriter, q *mdns.Msg) {
	if len(q.Question) != 1 {
		return
	}
	m := new(mdns.Msg).SetReply(q)
	m.RecursionAvailable = true
	fault := s.fill(m, q)
	_, udp := w.RemoteAddr().(*net.UDPAddr)
	if opt := q.IsEdns0(); udp && opt != nil {
		m.Truncate(int(opt.UDPSize()))
	} else if udp {
		m.Truncate(mdns.MinMsgSize)
	}
	send(w, m, fault, udp, q.IsEdns0() != nil)
}

func (s *Server) fill(m, q *mdns.Msg) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := plain(q.Question[0].Name)
	s.queries[name]++
	s.zone.answer(m, q.Question[0], 12)
	m.AuthenticatedData = s.secure && q.AuthenticatedData
	if fault, ok := s.faults[name]; ok {
		return fault
	}
	return s.faults["*"]
}

// send writes the answer as the fault wants it. Errors are the other side's going away.
func send(w mdns.ResponseWriter, m *mdns.Msg, fault Fault, udp, edns bool) {
	switch fault {
	case Silent:
		return
	case ServFail:
		empty(m, mdns.RcodeServerFailure)
	case Refused:
		empty(m, mdns.RcodeRefused)
	case Lame:
		empty(m, mdns.RcodeSuccess)
		m.RecursionAvailable = false
	case NoEDNS:
		if edns {
			empty(m, mdns.RcodeFormatError)
		}
	case WrongID:
		m.Id ^= 1
	case WrongQuestion:
		m.Question[0].Name = "x." + m.Question[0].Name
	case Forged:
		forged := m.Copy()
		forged.Id ^= 1
		forged.Answer = nil
		_ = w.WriteMsg(forged)
	case Truncate, TCPOnly:
		if udp {
			cut(w, m, fault == TCPOnly)
			return
		}
	}
	_ = w.WriteMsg(m)
}

func empty(m *mdns.Msg, rcode int) {
	m.Rcode, m.Answer, m.Ns = rcode, nil, nil
}

func cut(w mdns.ResponseWriter, m *mdns.Msg, middle bool) {
	m.Truncated = true
	if !middle {
		m.Answer = nil
		_ = w.WriteMsg(m)
		return
	}
	if packet, err := m.Pack(); err == nil {
		_, _ = w.Write(packet[:len(packet)-1])
	}
}
