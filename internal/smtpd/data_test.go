package smtpd

import (
	"fmt"
	"strings"
	"testing"
)

// TestALongConfirmation fits into the buffers of clients, and still says that all recipients are queued.
func TestALongConfirmation(t *testing.T) {
	s, b := pipeServer(t, nil)
	defer s.stopNow()
	long := strings.Repeat("x", 60) + "." + strings.Repeat("y", 60) + ".test"
	for _, c := range []struct {
		domain       string
		rcpts, named int
	}{{"d.test", 50, 50}, {"d.test", 51, 50}, {"d.test", 1000, 50}, {long, 18, 18}, {long, 50, 21}} {
		x, before := s.pipe(t), len(b.published())
		x.want("220")
		x.send("EHLO client.test\r\n")
		x.want("250")
		x.send("MAIL FROM:<a@b.test>\r\n")
		x.want("250")
		for i := range c.rcpts {
			x.send(fmt.Sprintf("RCPT TO:<%d@%s>\r\n", i, c.domain))
			x.want("250")
		}
		x.send("DATA\r\n")
		x.want("354")
		x.send("A: b\r\n\r\n.\r\n")
		var reply []string
		for len(reply) == 0 || reply[len(reply)-1][3] == '-' {
			line, err := x.r.ReadString('\n')
			if err != nil || !strings.HasPrefix(line, "250") {
				t.Fatal(line, err)
			}
			reply = append(reply, line)
		}
		lines := reply[1:]
		if c.named < c.rcpts {
			if want := fmt.Sprintf("250 Ok, %d more recipients queued\r\n", c.rcpts-c.named); lines[len(lines)-1] != want {
				t.Errorf("%q, want %q", lines[len(lines)-1], want)
			}
			lines = lines[:len(lines)-1]
		}
		if n := len(strings.Join(reply, "")); len(lines) != c.named || n > 4000 || len(b.published())-before != c.rcpts {
			t.Errorf("%d recipients: %d are named in %d bytes, %d published", c.rcpts, len(lines), n, len(b.published())-before)
		}
		for i, line := range lines {
			if !strings.HasSuffix(line, fmt.Sprintf(" for %d@%s\r\n", i, c.domain)) {
				t.Errorf("%q", line)
			}
		}
		_ = x.Close()
	}
}
