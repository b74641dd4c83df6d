package e2e

import (
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"testing"
	"time"
)

// dialogue speaks SMTP line by line: each command with the code that must come back. It waits for the broker of a daemon that has
// just started.
func (r *rig) dialogue(lines ...string) (replies []string) {
	r.t.Helper()
	r.open()
	return converse(r.t, r.door, lines...)
}

// converse is a dialogue with any server.
func converse(t *testing.T, addr string, lines ...string) (replies []string) {
	t.Helper()
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return talk(t, raw, lines...)
}

// talk is a dialogue over a connection that is open.
func talk(t *testing.T, raw net.Conn, lines ...string) (replies []string) {
	t.Helper()
	c := textproto.NewConn(raw)
	defer func() { _ = c.Close() }()
	if _, _, err := c.ReadResponse(220); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(lines); i += 2 {
		if _, err := c.W.WriteString(lines[i] + "\r\n"); err != nil {
			t.Fatal(err)
		}
		_ = c.W.Flush()
		code, text, err := c.ReadResponse(0)
		if err != nil {
			t.Fatalf("after %.60q: %v", lines[i], err)
		}
		if fmt.Sprint(code) != lines[i+1] {
			t.Fatalf("after %.60q: %d %s, want %s", lines[i], code, text, lines[i+1])
		}
		replies = append(replies, text)
	}
	return replies
}

// open waits until the SMTP door takes mail.
func (r *rig) open() {
	r.t.Helper()
	eventually(r.t, "the SMTP door is open", func() bool { return r.answer("MAIL FROM:<>") == "250" })
}

// answer is the code that a command gets.
func (r *rig) answer(command string) string {
	r.t.Helper()
	c, err := net.Dial("tcp", r.door)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write([]byte("EHLO client.test\r\n" + command + "\r\nQUIT\r\n")); err != nil {
		return err.Error()
	}
	var all strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		all.Write(buf[:n])
		if err != nil {
			break
		}
	}
	lines := strings.Split(strings.TrimSpace(all.String()), "\r\n")
	if len(lines) < 2 {
		return all.String()
	}
	return lines[len(lines)-2][:3]
}
