package outbox

import (
	"bufio"
	"net"
	"strings"
	"sync"
	"testing"
)

// receiver is an SMTP server whose answers a test chooses. It keeps what was accepted.
type receiver struct {
	listener net.Listener
	answer   func(verb, line string) string // "" : the usual answer

	mu       sync.Mutex
	messages []received
	sessions int
}

type received struct{ from, to, data string }

func newReceiver(t *testing.T, answer func(verb, line string) string) *receiver {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{listener: l, answer: answer}
	var sessions sync.WaitGroup
	sessions.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			sessions.Go(func() { r.serve(c) })
		}
	})
	t.Cleanup(func() { l.Close(); sessions.Wait() })
	return r
}

// gate holds a receiver's answers back until it is opened. It may be opened again: a test defers that, so that the receiver does not
// wait forever when the test fails before.
func gate() (shut <-chan struct{}, open func()) {
	c := make(chan struct{})
	return c, sync.OnceFunc(func() { close(c) })
}

func (r *receiver) port() uint16 { return uint16(r.listener.Addr().(*net.TCPAddr).Port) }

func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received(nil), r.messages...)
}

// say answers; false: hang up.
func (r *receiver) say(c net.Conn, verb, line, usual string) (string, bool) {
	text := usual
	if r.answer != nil {
		if a := r.answer(verb, line); a != "" {
			text = a
		}
	}
	if text == "drop" {
		return text, false
	}
	_, err := c.Write([]byte(text + "\r\n"))
	return text, err == nil
}

func (r *receiver) serve(c net.Conn) {
	defer c.Close()
	r.mu.Lock()
	r.sessions++
	r.mu.Unlock()
	in := bufio.NewReader(c)
	var m received
	if _, ok := r.say(c, "GREETING", "", "220 receiver.test ready"); !ok {
		return
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		verb := strings.ToUpper(strings.SplitN(line, " ", 2)[0])
		text, ok := r.say(c, verb, line, usual(verb))
		if !ok || verb == "QUIT" {
			return
		}
		switch {
		case verb == "MAIL":
			m = received{from: line}
		case verb == "RCPT":
			m.to = line
		case verb == "DATA" && strings.HasPrefix(text, "354"):
			for {
				l, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if l == ".\r\n" {
					break
				}
				m.data += l
			}
			r.mu.Lock()
			text, ok := r.say(c, ".", m.to, "250 2.0.0 taken")
			if strings.HasPrefix(text, "250") {
				r.messages = append(r.messages, m)
			}
			r.mu.Unlock()
			if !ok {
				return
			}
		}
	}
}

func usual(verb string) string {
	switch verb {
	case "EHLO":
		return "250-receiver.test\r\n250-PIPELINING\r\n250 8BITMIME"
	case "DATA":
		return "354 go on"
	case "QUIT":
		return "221 bye"
	}
	return "250 ok"
}
