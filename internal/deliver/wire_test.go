package deliver

import (
	"bytes"
	"context"
	"net"
	"strings"
	"sync"
	"testing"
)

// tap keeps what a server reads, byte for byte.
type tap struct {
	net.Conn
	mu  sync.Mutex
	raw bytes.Buffer
}

func (c *tap) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	c.raw.Write(p[:n])
	c.mu.Unlock()
	return n, err
}

func (c *tap) bytes() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.raw.Bytes())
}

// TestNothingIsSmuggled captures every byte that leaves while content tries to end itself in all known ways, small and in
// more than one write (T2): no CR without LF, no LF without CR, no NUL, as many MAIL commands as messages, and the content
// arrives.
func TestNothingIsSmuggled(t *testing.T) {
	evil := []string{"\n.\n", "\r.\r", "\n.\r\n", "\r\n.\n", "\r\n.\r", "\r\r\n.\r\r\n", "\r\n\x00.\r\n", "\r\n.\r\x00\n", "\r\n.\r\n", "\n.\r", "\r.\n", ".\r\n", "\r"}
	var wires []*tap
	p := &peer{caps: []string{"PIPELINING"}}
	connect := sockets(t, func(nc net.Conn) {
		w := &tap{Conn: nc}
		wires = append(wires, w)
		p.serve(w)
	})
	r := &recorder{ended: make(chan struct{}), ahead: true}
	for i, e := range evil {
		pad := strings.Repeat(strings.Repeat("x", 62)+"\r\n", i%2*1024)
		j := makeJob(uint64(2*i+1), "")
		j.Body = content(pad + "a" + e + "MAIL FROM:<evil@x.test>\r\nRCPT TO:<victim@x.test>\r\nDATA\r\nevil\r\n.\r\n")
		last := makeJob(uint64(2*i+2), "")
		last.Body = content(pad + "a" + e) // the end of content, with the next envelope right behind it
		r.jobs = append(r.jobs, j, last)
	}
	New(Options{Connect: connect}).Open(t.Context(), Dial{Name: "me.test", Targets: someTargets(1)}, r)
	<-r.ended
	raw := wires[0].bytes()
	if rest := bytes.ReplaceAll(raw, []byte("\r\n"), nil); bytes.ContainsAny(rest, "\r\n\x00") {
		t.Error("a bare CR, LF or NUL left")
	}
	mails := 0
	for _, c := range p.heard() {
		if strings.HasPrefix(c, "MAIL") {
			mails++
		}
		if strings.Contains(c, "evil") || strings.Contains(c, "victim") {
			t.Errorf("content was executed: %q", c)
		}
	}
	if want := 2 * len(evil); mails != want || len(p.taken()) != want || len(r.results) != want {
		t.Errorf("%d MAIL, %d messages, %d results; want %d of each", mails, len(p.taken()), len(r.results), want)
	}
}

func content(s string) func(context.Context) (Body, error) {
	return func(context.Context) (Body, error) { return Body{Data: []byte(s)}, nil }
}
