package browser

import (
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"
)

// receiver takes the mail of all domains, as their names say, and remembers what it saw of each.
type receiver struct {
	mu   sync.Mutex
	seen map[string]*seen
}

// seen is of one domain.
type seen struct {
	Count  int    `json:"count"`  // messages taken
	EHLO   string `json:"ehlo"`   // of the last one
	Source string `json:"source"` // the address it came from
	Server string `json:"server"` // and the one it came to
	Text   string `json:"text"`
}

// answers to RCPT by the beginning of the domain; all others are taken.
var answers = map[string]string{
	"defer":  "451 4.7.1 Greylisted, come back in a minute",
	"refuse": "550 5.1.1 No such user here",
	"flood":  "451 4.7.0 please slow down, too many connections from you",
	"xss":    "550 5.7.1 " + markup + " \u202eesrever\u202c \u2066\u05e9\u05dc\u05d5\u05dd\u2069 javascript:alert(1) \x1b[31m",
}

// dawdle is what a slow domain takes before it answers.
const dawdle = 300 * time.Millisecond

func (r *receiver) listen(t *testing.T, address string) (stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { r.serve(c) })
		}
	})
	return func() {
		_ = l.Close()
		running.Wait()
	}
}

func (r *receiver) serve(raw net.Conn) {
	c := textproto.NewConn(raw)
	defer func() { _ = c.Close() }()
	now := seen{Source: host(raw.RemoteAddr()), Server: host(raw.LocalAddr())}
	domain := ""
	for reply := "220 receiver.test"; c.PrintfLine("%s", reply) == nil; {
		line, err := c.ReadLine()
		if err != nil {
			return
		}
		reply = "250 2.0.0 Ok"
		switch verb, rest, _ := strings.Cut(line, " "); verb {
		case "EHLO":
			now.EHLO = rest
			reply = "250-receiver.test\r\n250 ENHANCEDSTATUSCODES"
		case "RCPT":
			_, domain, _ = strings.Cut(strings.TrimSuffix(rest, ">"), "@")
			reply = answer(domain)
		case "DATA":
			if c.PrintfLine("354 Go on") != nil {
				return
			}
			text, err := c.ReadDotBytes()
			if err != nil {
				return
			}
			now.Text = string(text)
			r.take(domain, now)
		case "QUIT":
			reply = "221 2.0.0 Bye"
		}
	}
}

func answer(domain string) string {
	kind := strings.TrimRight(strings.TrimSuffix(domain, ".test"), "0123456789")
	if kind == "slow" {
		time.Sleep(dawdle)
	}
	if text, ok := answers[kind]; ok {
		return text
	}
	return fmt.Sprintf("250 2.1.5 Ok for %s", domain)
}

func (r *receiver) take(domain string, now seen) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last := r.seen[domain]; last != nil {
		now.Count = last.Count
	}
	now.Count++
	r.seen[domain] = &now
}

func (r *receiver) of(domain string) seen {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.seen[domain]; s != nil {
		return *s
	}
	return seen{}
}

func host(a net.Addr) string {
	ip, _, _ := net.SplitHostPort(a.String())
	return ip
}
