// Package sink is an SMTP server for trials: it accepts mail, counts it, can keep it, and can be slow, rude or forgetful in
// every way that a real receiver can (threats-faults-rfcs.md, F16 to F21). It delivers nothing and must not face the world.
//
// What it does to a recipient can stand in the local part: defer.3@ is refused temporarily three times, refuse@ always,
// drop-after-dot.2@ loses the connection twice between the final dot and its reply, hang-data@ never answers DATA; script.go
// has the grammar. The same words in Options.Scripts hold for everybody.
//
// With a ledger every message is written down, and synced when asked, before its reply goes out: the sink then knows more than
// the client that it refuses to answer.
//
// It is also the sink of the benchmarks: with keeping and ledger off a message costs no allocation.
//
// RFCs: 5321, 2920, 1870, 6152, 6531, 3207; parameters are taken unread. Goroutines: one per listener and one per connection;
// Close ends them all.
package sink

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Options of a Server. The zero value listens on a free port of loopback and accepts everything.
type Options struct {
	Addresses []string // host:port; 127.0.0.1-9:2525 stands for nine; none: 127.0.0.1:0
	Hostname  string   // empty: sink.test

	Without  []string // extensions that are not offered: PIPELINING, SIZE, 8BITMIME, SMTPUTF8, DSN, ENHANCEDSTATUSCODES
	StartTLS bool     // offer STARTTLS, with a certificate made at the start and signed by itself

	Latency   time.Duration // before each flush of replies: a round trip
	Temporary float64       // probability that a recipient is refused with 451
	Permanent float64       // probability that a recipient is refused with 550
	Seed      uint64        // of the two
	Scripts   []string      // hold for every connection, such as hang-greeting.2

	MaxSize        int64         // bytes of a message; 0: 100 MiB
	MaxConnections int           // more are greeted with 421; 0: no limit
	Timeout        time.Duration // for silence of the client, and longest hang of a script; 0: 5 minutes

	Keep     string // directory for the messages, one file each; empty: they are forgotten
	Ledger   string // file that gets a JSON line for every recipient of a message; empty: none
	Sync     bool   // each line of the ledger is on disk before the reply
	IDHeader string // header that names a message in the ledger; empty: Message-ID
	Remember int    // how many messages Messages may return; more are counted only
}

// Server is a running sink.
type Server struct {
	opts      Options
	clear     []byte // answer to EHLO in clear
	encrypted []byte // and in TLS
	tls       *tls.Config
	listeners []net.Listener
	scripts   []script
	ledger    *os.File
	counts    counts
	closing   chan struct{}
	running   sync.WaitGroup
	serial    atomic.Int64

	mu       sync.Mutex // of what follows
	random   *rand.Rand
	used     map[string]int // how often a script of limited count was played
	conns    map[net.Conn]struct{}
	messages []Message
	closed   bool
}

// Message is one message as it was taken.
type Message struct {
	Connection int64 // number of the connection
	From       string
	Recipients []string // that were accepted
	Source     []byte   // dots unstuffed
	Decision   string   // accepted, or the script that was played on it
}

// New opens everything that the options name, and listens. Serve answers.
func New(opts Options) (*Server, error) {
	setDefaults(&opts)
	s := &Server{opts: opts, closing: make(chan struct{}), used: map[string]int{}, conns: map[net.Conn]struct{}{},
		random: rand.New(rand.NewPCG(opts.Seed, 0))}
	for _, text := range opts.Scripts {
		sc, ok := parseScript([]byte(text))
		if !ok {
			return nil, fmt.Errorf("script %q is not known", text)
		}
		s.scripts = append(s.scripts, sc)
	}
	s.clear, s.encrypted = s.extensions(opts.StartTLS), s.extensions(false)
	if err := s.open(); err != nil {
		s.shut()
		return nil, err
	}
	return s, nil
}

func setDefaults(o *Options) {
	if len(o.Addresses) == 0 {
		o.Addresses = []string{"127.0.0.1:0"}
	}
	if o.Hostname == "" {
		o.Hostname = "sink.test"
	}
	if o.MaxSize == 0 {
		o.MaxSize = 100 << 20
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Minute
	}
	if o.IDHeader == "" {
		o.IDHeader = "Message-ID"
	}
}

func (s *Server) open() (err error) {
	if s.opts.StartTLS {
		if s.tls, err = selfSigned(s.opts.Hostname); err != nil {
			return err
		}
	}
	if s.opts.Keep != "" {
		if err := os.MkdirAll(s.opts.Keep, 0o700); err != nil {
			return err
		}
	}
	if s.opts.Ledger != "" {
		if s.ledger, err = os.OpenFile(s.opts.Ledger, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			return err
		}
	}
	return s.listen()
}

// Addresses are where the sink listens, in the order of the options.
func (s *Server) Addresses() []net.Addr {
	list := make([]net.Addr, len(s.listeners))
	for i, l := range s.listeners {
		list[i] = l.Addr()
	}
	return list
}

// Serve answers until Close.
func (s *Server) Serve() {
	for _, l := range s.listeners {
		s.running.Go(func() { s.accept(l) })
	}
	s.running.Wait()
}

func (s *Server) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			s.running.Go(func() { s.serve(conn) })
		case errors.Is(err, net.ErrClosed):
			return
		default: // no file handles
			s.sleep(10 * time.Millisecond)
		}
	}
}

// sleep waits, but not beyond Close.
func (s *Server) sleep(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.closing:
	}
}

// Close cuts all connections and returns when nothing runs any more.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.closing)
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	for _, l := range s.listeners {
		_ = l.Close()
	}
	s.running.Wait()
	return s.shut()
}

func (s *Server) shut() error {
	for _, l := range s.listeners {
		_ = l.Close()
	}
	if s.ledger == nil {
		return nil
	}
	return s.ledger.Close()
}

// enter notes a connection; false when there are too many, or the sink is closing.
func (s *Server) enter(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.opts.MaxConnections > 0 && len(s.conns) >= s.opts.MaxConnections {
		return false
	}
	s.conns[c] = struct{}{}
	return true
}

func (s *Server) leave(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// Messages are the messages so far, at most Options.Remember.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Message(nil), s.messages...)
}
