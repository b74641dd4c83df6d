package deliver

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// peer is a server that behaves, but where act says otherwise.
type peer struct {
	greeting string
	caps     []string
	// act is asked before each reply with the command (greeting, EHLO, HELO, MAIL, RCPT, DATA, dot, RSET, QUIT) and how
	// often it came on this connection: empty to behave, hang, drop, silent (go on without a reply), or what to say
	// instead, several lines with \n, and ! at the end to cut it off there.
	act func(command string, n int) string
	// tls makes it offer STARTTLS; inside, it offers capsInside.
	tls        *tls.Config
	capsInside []string

	resumed  atomic.Bool
	mu       sync.Mutex
	accepted []string // content with its dots, as it came
	commands []string
	conns    atomic.Int32
}

// voice sends without ever waiting for the reader.
type voice struct {
	queue chan []byte
	wg    sync.WaitGroup
}

func newVoice(w io.Writer) *voice {
	v := &voice{queue: make(chan []byte, 10_000)}
	v.wg.Go(func() {
		for b := range v.queue {
			if _, err := w.Write(b); err != nil {
				break
			}
		}
		for range v.queue {
		}
	})
	return v
}

func (v *voice) say(text string) { v.queue <- []byte(text) }

func (v *voice) finish() {
	close(v.queue)
	v.wg.Wait()
}

// serve plays one connection.
func (p *peer) serve(nc net.Conn) {
	p.conns.Add(1)
	s := &peerSession{peer: p, v: newVoice(nc), nc: nc, in: bufio.NewReaderSize(nc, 64<<10), count: make(map[string]int)}
	defer func() { s.v.finish() }()
	defer nc.Close()
	if !s.answer("greeting", "220 "+or(p.greeting, "mx.test ready")) {
		return
	}
	for s.command() {
	}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

type peerSession struct {
	peer       *peer
	v          *voice
	nc         net.Conn
	in         *bufio.Reader
	count      map[string]int
	mail, rcpt bool
	inside     bool
}

// answer says what is to be said; false when the connection is over.
func (s *peerSession) answer(command, reply string) bool {
	s.count[command]++
	what := ""
	if s.peer.act != nil {
		what = s.peer.act(command, s.count[command])
	}
	switch what {
	case "":
		s.v.say(strings.ReplaceAll(reply, "\n", "\r\n") + "\r\n")
		return true
	case "silent":
		return true
	case "hang":
		_, _ = io.Copy(io.Discard, s.in)
		return false
	case "drop":
		time.Sleep(time.Millisecond) // so that what was said before is heard
		return false
	case "endless":
		for range 200 {
			s.v.say("250-and so on\r\n")
		}
		_, _ = io.Copy(io.Discard, s.in)
		return false
	}
	text, cut := strings.CutSuffix(what, "!")
	if text = strings.ReplaceAll(text, "\n", "\r\n"); !cut {
		text += "\r\n"
	}
	s.v.say(text)
	if cut || strings.HasPrefix(what, "421") {
		time.Sleep(time.Millisecond)
		return false
	}
	s.refused(command, what)
	return true
}

// refused takes back what the session would think after a positive answer.
func (s *peerSession) refused(command, what string) {
	if what[0] == '2' || what[0] == '3' {
		return
	}
	switch command {
	case "MAIL":
		s.mail = false
	case "RCPT":
		s.rcpt = false
	}
}

func (s *peerSession) command() bool {
	line, err := s.in.ReadString('\n')
	if err != nil {
		return false
	}
	s.peer.note(strings.TrimSpace(line))
	switch verb, _, _ := strings.Cut(strings.TrimSpace(line), " "); verb {
	case "EHLO":
		caps := s.peer.caps
		if s.inside {
			caps = s.peer.capsInside
		} else if s.peer.tls != nil {
			caps = append([]string{"STARTTLS"}, caps...)
		}
		return s.answer(verb, "250"+strings.Join(append([]string{"-mx.test"}, caps...), "\n250-")+"\n250 HELP")
	case "STARTTLS":
		return s.answer(verb, "220 go") && s.handshake()
	case "AUTH":
		return s.answer(verb, "235 2.7.0 ok")
	case "HELO":
		return s.answer(verb, "250 mx.test")
	case "RSET":
		s.mail, s.rcpt = false, false
		return s.answer(verb, "250 ok")
	case "MAIL":
		s.mail = true
		return s.answer(verb, "250 2.1.0 ok")
	case "RCPT":
		if !s.mail {
			return s.answer(verb, "503 5.5.1 MAIL first")
		}
		s.rcpt = true
		return s.answer(verb, "250 2.1.5 ok")
	case "DATA":
		return s.data()
	case "QUIT":
		s.answer(verb, "221 bye")
	}
	return false
}

func (s *peerSession) handshake() bool {
	s.v.finish()
	t := tls.Server(s.nc, s.peer.tls)
	err := t.Handshake()
	s.nc, s.in, s.v, s.inside = t, bufio.NewReaderSize(t, 64<<10), newVoice(t), err == nil
	s.peer.resumed.Store(t.ConnectionState().DidResume)
	return err == nil
}

func (s *peerSession) data() bool {
	if !s.rcpt {
		return s.answer("DATA", "503 5.5.1 RCPT first")
	}
	before := s.count["DATA"]
	if s.peer.act != nil {
		if what := s.peer.act("DATA", before+1); what != "" && what[0] != '3' && what != "silent" {
			return s.answer("DATA", "")
		}
	}
	if !s.answer("DATA", "354 go") {
		return false
	}
	s.mail, s.rcpt = false, false
	var content strings.Builder
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		content.WriteString(line)
	}
	s.peer.mu.Lock()
	s.peer.accepted = append(s.peer.accepted, content.String())
	s.peer.mu.Unlock()
	return s.answer("dot", fmt.Sprintf("250 2.0.0 queued %d", s.count["dot"]+1))
}

func (p *peer) note(command string) {
	p.mu.Lock()
	p.commands = append(p.commands, command)
	p.mu.Unlock()
}

// heard is what clients said so far.
func (p *peer) heard() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.commands)
}

// taken is the content of the messages so far.
func (p *peer) taken() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.accepted)
}
