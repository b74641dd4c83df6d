package outbox

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// moody are SMTP servers at one port of several addresses that refuse, put off, dawdle, hang up and talk nonsense at every step, until
// they are kind. They count what they took, by the local part of the recipient.
type moody struct {
	port    uint16
	kind    atomic.Bool
	seed    atomic.Uint64
	mu      sync.Mutex
	took    map[string]int
	past    *chronicle
	serving sync.WaitGroup
}

func newMoody(t *testing.T, seed uint64, past *chronicle, ips ...string) *moody {
	t.Helper()
	p := &moody{took: map[string]int{}, past: past}
	p.seed.Store(seed)
	for _, ip := range ips {
		l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", ip, p.port))
		if err != nil {
			t.Fatal(err)
		}
		p.port = uint16(l.Addr().(*net.TCPAddr).Port)
		p.serving.Go(func() { p.accept(l) })
		t.Cleanup(func() { l.Close() })
	}
	return p
}

func (p *moody) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		s := &moodySession{p: p, c: c, random: rand.New(rand.NewPCG(p.seed.Add(1), 2))}
		p.serving.Go(s.run)
	}
}

type moodySession struct {
	p      *moody
	c      net.Conn
	random *rand.Rand
	in     *bufio.Reader
	over   bool
}

// moods are what may be said instead of the usual; "drop" hangs up, "421" after its line.
var moods = map[string][]string{
	"GREETING": {"421 4.3.2 too busy, call later", "554 5.7.1 not from you", "drop"},
	"EHLO":     {"421 4.3.2 too busy", "250 receiver.test", "drop"},
	"MAIL":     {"451 4.3.0 later", "550 5.7.1 no", "421 4.7.0 enough for now", "drop", "250 ok\r\n250 ok"},
	"RCPT":     {"451 4.7.1 Greylisted, come again", "450 4.2.0 busy", "452 4.5.3 too many for now", "550 5.1.1 no such user", "552 5.2.2 full", "drop", "421 4.7.0 slow down"},
	"DATA":     {"451 4.3.0 later", "554 5.7.1 no", "drop"},
	".":        {"451 4.7.1 greylisted", "451 4.3.0 slow down", "550 5.7.1 spam", "drop", "250 ok\r\n250 ok"},
	"RSET":     {"drop"},
}

// say answers with the usual or something else; false: that was a refusal.
func (s *moodySession) say(verb, usual string) (good bool) {
	text := usual
	if !s.p.kind.Load() {
		if s.random.IntN(30) == 0 {
			time.Sleep(time.Duration(s.random.IntN(15)) * time.Millisecond)
		}
		if list := moods[verb]; list != nil && s.random.IntN(12) == 0 {
			text = list[s.random.IntN(len(list))]
		}
	}
	if text == "drop" {
		s.over = true
		return false
	}
	if _, err := s.c.Write([]byte(text + "\r\n")); err != nil || strings.HasPrefix(text, "421") {
		s.over = true
	}
	return !s.over && text[0] < '4'
}

func (s *moodySession) run() {
	defer s.c.Close()
	s.in = bufio.NewReader(s.c)
	s.say("GREETING", "220 receiver.test ready")
	mail, who := false, ""
	for !s.over {
		line, err := s.in.ReadString('\n')
		if err != nil {
			return
		}
		verb := strings.ToUpper(strings.TrimSpace(line[:min(4, len(line))]))
		switch {
		case verb == "MAIL":
			mail, who = s.say(verb, "250 ok"), ""
		case verb == "RCPT" && !mail:
			s.say("", "503 5.5.1 MAIL first")
		case verb == "RCPT":
			if s.say(verb, "250 ok") {
				who, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "RCPT TO:<"), "@")
			}
		case verb == "DATA" && who == "":
			s.say("", "554 5.5.1 nobody to take it")
		case verb == "DATA":
			if s.say(verb, "354 go on") {
				s.content(who)
			}
			mail, who = false, ""
		case verb == "QUIT":
			s.say("", "221 bye")
			return
		case verb == "RSET":
			s.say(verb, usual(verb))
			mail, who = false, ""
		default:
			s.say(verb, usual(verb))
		}
	}
}

func (s *moodySession) content(who string) {
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			s.over = true
			return
		}
		if line == ".\r\n" {
			break
		}
	}
	good := s.say(".", "250 2.0.0 taken")
	s.p.past.note(who, "%v has the content, takes it: %v", s.c.LocalAddr(), good)
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	if good {
		s.p.took[who]++
	}
}
