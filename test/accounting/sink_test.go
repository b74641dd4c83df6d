package accounting

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"posthoorn/internal/dns/dnstest"
)

// sink is an SMTP server on one loopback address per domain, all on one port. The first word of a recipient is its script:
//
//	ok        250
//	slow      250, a while after the dot
//	temp      451 to the first two RCPT, then ok
//	tempdot   451 to the first dot, then ok
//	perm      550 to RCPT
//	permdot   554 to the dot
//	drop      the first dot is not answered: the connection ends, though the message is taken
//	dropdata  the first time, the connection ends in the middle of the data
//
// Each decision about a dot is on disk before its reply is written.
type sink struct {
	books   *books
	port    int
	names   string // address of the name server that leads here
	journal *os.File

	mu    sync.Mutex
	tries map[string]int // by recipient
	conns map[net.Conn]struct{}
	going sync.WaitGroup
}

func startSink(t *testing.T, b *books, dir string) *sink {
	t.Helper()
	journal, err := os.Create(filepath.Join(dir, "sink.log"))
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{books: b, journal: journal, tries: map[string]int{}, conns: map[net.Conn]struct{}{}}
	var zone strings.Builder
	var listeners []net.Listener
	for i := range domains {
		l, err := net.Listen("tcp", fmt.Sprintf("127.1.0.%d:%d", i+1, s.port))
		if err != nil {
			t.Fatal(err)
		}
		s.port = l.Addr().(*net.TCPAddr).Port
		listeners = append(listeners, l)
		fmt.Fprintf(&zone, "d%d.test MX 10 mx.d%d.test\nmx.d%d.test A 127.1.0.%d\n", i+1, i+1, i+1, i+1)
		s.going.Go(func() { s.accept(l) })
	}
	names, err := dnstest.Start(zone.String())
	if err != nil {
		t.Fatal(err)
	}
	s.names = names.Addr
	t.Cleanup(func() {
		for _, l := range listeners {
			_ = l.Close()
		}
		s.mu.Lock()
		for c := range s.conns {
			_ = c.Close()
		}
		s.mu.Unlock()
		s.going.Wait()
		names.Close()
		_ = journal.Close()
	})
	return s
}

func (s *sink) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		s.going.Go(func() {
			s.keep(c, true)
			session := &session{sink: s, conn: c, opened: time.Now(), in: bufio.NewReader(c), out: bufio.NewWriter(c)}
			session.serve()
			_ = c.Close()
			s.keep(c, false)
		})
	}
}

func (s *sink) keep(c net.Conn, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if on {
		s.conns[c] = struct{}{}
	} else {
		delete(s.conns, c)
	}
}

// try counts the attempts of a script, from 1.
func (s *sink) try(script string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries[script]++
	return s.tries[script]
}

// note writes a line that is on disk when it returns.
func (s *sink) note(format string, args ...any) error {
	if _, err := fmt.Fprintf(s.journal, time.Now().Format(clock)+" "+format+"\n", args...); err != nil {
		return err
	}
	return s.journal.Sync()
}

type session struct {
	sink   *sink
	conn   net.Conn
	opened time.Time
	in     *bufio.Reader
	out    *bufio.Writer
	rcpt   string
}

func (s *session) serve() {
	s.say("220 sink.test ESMTP")
	for {
		if s.in.Buffered() == 0 && s.out.Flush() != nil {
			return
		}
		line, err := s.in.ReadString('\n')
		if err != nil || !s.command(strings.TrimRight(line, "\r\n")) {
			return
		}
	}
}

func (s *session) say(line string) { _, _ = s.out.WriteString(line + "\r\n") } // Flush tells of errors

// command answers one command; false: the connection ends.
func (s *session) command(line string) bool {
	verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
	switch verb {
	case "EHLO":
		s.say("250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 10000000")
	case "MAIL", "RSET":
		s.rcpt = ""
		s.say("250 2.0.0 ok")
	case "RCPT":
		s.recipient(line)
	case "DATA":
		if s.rcpt == "" {
			s.say("554 5.5.1 no recipient")
			return true
		}
		s.say("354 go on")
		return s.data()
	case "QUIT":
		s.say("221 2.0.0 bye")
		_ = s.out.Flush()
		return false
	default:
		s.say("500 5.5.1 what")
	}
	return true
}

func (s *session) recipient(line string) {
	_, rest, _ := strings.Cut(line, "<")
	id, _, _ := strings.Cut(rest, ">")
	switch kind := kindOf(id); {
	case kind == "perm":
		s.say("550 5.1.1 nobody here")
	case kind == "temp" && s.sink.try("rcpt "+id) <= 2:
		s.say("451 4.2.0 come back later")
	default:
		s.rcpt = id
		s.say("250 2.1.5 ok")
	}
}

func kindOf(id string) string {
	kind, _, _ := strings.Cut(id, ".")
	return kind
}

// data takes the message up to its dot.
func (s *session) data() bool {
	if s.out.Flush() != nil {
		return false
	}
	id := s.rcpt
	s.rcpt = ""
	var source bytes.Buffer
	for {
		line, err := s.in.ReadString('\n')
		if err != nil || kindOf(id) == "dropdata" && source.Len() > 0 && s.sink.try("data "+id) == 1 {
			return false
		}
		if line == ".\r\n" {
			return s.dot(id, source.String())
		}
		source.WriteString(strings.TrimPrefix(line, "."))
	}
}

// dot decides, writes down, and answers.
func (s *session) dot(id, source string) bool {
	d := delivery{hash: hashOf(source), opened: s.opened, received: time.Now()}
	kind, first := kindOf(id), s.sink.try("dot "+id) == 1
	d.accepted = kind != "permdot" && (kind != "tempdot" || !first)
	d.dropped = kind == "drop" && first
	if err := s.sink.note("%s %s accepted=%v dropped=%v", id, d.hash, d.accepted, d.dropped); err != nil {
		return false
	}
	switch {
	case d.dropped:
		s.sink.books.deliver(id, d)
		return false
	case d.accepted && kind == "slow":
		<-time.After(200 * time.Millisecond)
	}
	reply := "250 2.0.0 taken\r\n"
	if kind == "permdot" {
		reply = "554 5.7.1 never\r\n"
	} else if !d.accepted {
		reply = "451 4.3.0 not now\r\n"
	}
	if _, err := io.WriteString(s.conn, reply); err == nil {
		d.answered = time.Now()
	}
	s.sink.books.deliver(id, d)
	return !d.answered.IsZero()
}
