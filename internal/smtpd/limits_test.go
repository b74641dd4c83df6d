package smtpd

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"posthoorn/internal/inject"
)

func TestLimitsOfSessions(t *testing.T) {
	s, _ := pipeServer(t, func(o *Options, _ *inject.Options) { o.MaxSessions, o.MaxSessionsPerIP = 3, 2 })
	defer s.stopNow()
	one, two := net.IPv4(203, 0, 113, 1), net.IPv4(203, 0, 113, 2)
	a, b := s.pipeFrom(t, one), s.pipeFrom(t, one)
	a.want("220")
	b.want("220")
	s.pipeFrom(t, one).want("421 4.7.0")
	until(t, func() bool { return s.limits.count() == 2 })
	c := s.pipeFrom(t, two)
	c.want("220")
	s.pipeFrom(t, two).want("421 4.3.2")
	_ = a.Close()
	until(t, func() bool { return s.limits.count() == 2 })
	d := s.pipeFrom(t, one)
	d.want("220")
	for _, x := range []*client{b, c, d} {
		_ = x.Close()
	}
	until(t, func() bool { return s.limits.count() == 0 })
	if len(s.limits.byIP) != 0 {
		t.Error(s.limits.byIP)
	}
}

func TestOneStrangerDoesNotTakeAllSessions(t *testing.T) {
	ours := []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	for _, c := range []struct {
		name string
		o    Options
		ip   string
		want int
	}{
		{"stranger", Options{MaxSessions: 200}, "203.0.113.1", 20},
		{"stranger of a small server", Options{MaxSessions: 20}, "203.0.113.1", 5},
		{"loopback", Options{MaxSessions: 200}, "127.0.0.1", 200},
		{"range", Options{MaxSessions: 200, Range: ours}, "203.0.113.1", 200},
		{"range with a login", Options{MaxSessions: 200, Range: ours, Login: oneLogin{}}, "203.0.113.1", 200},
		{"foreigner", Options{MaxSessions: 200, Range: ours}, "127.0.0.1", 20},
		{"set", Options{MaxSessions: 200, MaxSessionsPerIP: 7}, "127.0.0.1", 7},
	} {
		if got := c.o.sessionsOf(netip.MustParseAddr(c.ip)); got != c.want {
			t.Errorf("%s: %d", c.name, got)
		}
	}
	s, _ := pipeServer(t, func(o *Options, _ *inject.Options) { o.Range, o.MaxSessions = nil, 10 })
	defer s.stopNow()
	clients := make([]*client, 5)
	for i := range clients {
		clients[i] = s.pipe(t)
		clients[i].want("220")
	}
	s.pipe(t).want("421 4.7.0")
	other := s.pipeFrom(t, net.IPv4(203, 0, 113, 21))
	other.want("220")
	for _, c := range append(clients, other) {
		_ = c.Close()
	}
}

func TestSlowClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, b := pipeServer(t, func(o *Options, _ *inject.Options) { o.Timeout = 100 * time.Second })
		defer s.stopNow()

		// one byte a second never makes a command
		slow := s.pipe(t)
		slow.want("220")
		time.Sleep(30 * time.Second)
		slow.send("EHLO a\r\n")
		slow.want("250")
		start := time.Now()
		go func() {
			for {
				time.Sleep(time.Second)
				if _, err := slow.Write([]byte("x")); err != nil {
					return
				}
			}
		}()
		slow.want("421 4.4.2")
		if d := time.Since(start); d != 100*time.Second {
			t.Error("cut after", d)
		}
		_ = slow.Close()

		// one byte a second in data is cut too, although it is never silent
		drip := s.pipe(t)
		drip.want("220")
		dripData(drip)
		start = time.Now()
		go func() {
			for {
				time.Sleep(time.Second)
				if _, err := drip.Write([]byte("x")); err != nil {
					return
				}
			}
		}()
		drip.want("421 4.4.2")
		if d := time.Since(start); d < time.Minute || d > 2*time.Minute {
			t.Error("cut after", d)
		}
		_ = drip.Close()

		// an honest slow upload, longer than any single deadline, is taken
		honest := s.pipe(t)
		honest.want("220")
		dripData(honest)
		block := bytes.Repeat([]byte(strings.Repeat("y", 78)+"\r\n"), 64)
		for range 400 {
			time.Sleep(2 * time.Second)
			honest.send(string(block))
		}
		honest.send(".\r\n")
		honest.want("250")
		_ = honest.Close()
		if got := b.published(); len(got) != 1 || len(got[0].Body) < 400*len(block) {
			t.Error(len(got), "messages")
		}

		// silence, and commands without EHLO
		for _, command := range []string{"", "NOOP\r\n"} {
			quiet := s.pipe(t)
			quiet.want("220")
			start = time.Now()
			time.Sleep(59 * time.Second)
			if command != "" {
				quiet.send(command)
				quiet.want("250")
			}
			quiet.want("421 4.4.2")
			if d := time.Since(start); d != time.Minute {
				t.Error("cut after", d)
			}
			_ = quiet.Close()
		}
	})
}

// TestSlowChunks: the clock of a message runs from its first chunk to its last, whatever comes between them.
func TestSlowChunks(t *testing.T) {
	for _, c := range []struct {
		name       string
		size       int
		pause, cut time.Duration // cut 0: the message is taken
	}{
		{"a byte a time", 1, 10 * time.Second, time.Minute},
		{"one chunk, then silence", 100 << 10, time.Hour, time.Minute},
		{"big chunks with pauses", 100 << 10, 50 * time.Second, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, b := pipeServer(t, nil)
			defer s.stopNow()
			x := s.pipe(t)
			x.want("220")
			for _, line := range strings.SplitAfter(strings.TrimSuffix(envelope, "\r\n"), "\n") {
				x.send(strings.TrimSuffix(line, "\r\n") + "\r\n")
				x.want("250")
			}
			start, sent := time.Now(), make(chan struct{})
			go func() {
				defer close(sent)
				for range 20 {
					if _, err := fmt.Fprintf(x, "BDAT %d\r\n%s", c.size, strings.Repeat("\n", c.size)); err != nil {
						return
					}
					time.Sleep(c.pause)
				}
				_, _ = io.WriteString(x, "BDAT 0 LAST\r\n")
			}()
			for {
				line, err := x.r.ReadString('\n')
				if strings.HasSuffix(line, "octets received\r\n") {
					continue
				}
				taken := strings.HasPrefix(line, "250-Ok, queued")
				if err != nil || taken != (c.cut == 0) || !taken && !strings.HasPrefix(line, "421 4.4.2") {
					t.Errorf("%s: %q %v", c.name, line, err)
				}
				break
			}
			if d := time.Since(start).Truncate(time.Second); c.cut > 0 && d != c.cut {
				t.Errorf("%s: cut after %v, %d messages", c.name, d, len(b.published()))
			}
			_ = x.Close()
			<-sent
		})
	}
}

// TestErrorsAreForgotten: a session that sends mail lives on with an error now and then.
func TestErrorsAreForgotten(t *testing.T) {
	s, _ := pipeServer(t, func(o *Options, _ *inject.Options) { o.MaxErrors = 3 })
	defer s.stopNow()
	c := s.pipe(t)
	c.want("220")
	for range 5 {
		for range 2 {
			c.send("XXXX\r\n")
			c.want("500")
		}
		dripData(c)
		c.send("A: b\r\n\r\n.\r\n")
		c.want("250")
	}
	for range 2 {
		c.send("XXXX\r\n")
		c.want("500")
	}
	c.send("XXXX\r\n")
	c.want("500", "421 4.7.0")
	_ = c.Close()
}

func TestFloodsOfCommands(t *testing.T) {
	s, _ := pipeServer(t, nil)
	defer s.stopNow()
	for name, command := range map[string]string{"NOOP": "NOOP\r\n", "EHLO": "EHLO a\r\n", "RSET": "RSET\r\n",
		"empty chunks": "BDAT 0\r\n", "unknown": "XXXX\r\n", "refused MAIL": "MAIL FROM:<a@b.test> SIZE=999999999999\r\n"} {
		c := s.pipe(t)
		c.want("220")
		c.send("EHLO a\r\n")
		c.want("250")
		if name == "empty chunks" {
			c.send("MAIL FROM:<a@b.test>\r\n")
			c.want("250")
			c.send("RCPT TO:<c@d.test>\r\n")
			c.want("250")
		}
		go func() {
			for range 10_000 {
				if _, err := io.WriteString(c.Conn, command); err != nil {
					return
				}
			}
		}()
		all, _ := io.ReadAll(c.r)
		if n := bytes.Count(all, []byte("\n")); n > 2000 || !bytes.Contains(all, []byte("421 4.7.0")) {
			t.Errorf("%s: %d lines", name, n)
		}
		_ = c.Close()
	}
}

func TestMemoryOfMessagesIsBounded(t *testing.T) {
	for _, most := range []int64{1000, 300 << 10} {
		s, b := pipeServer(t, func(o *Options, _ *inject.Options) { o.MaxMemory = most })
		c := s.pipe(t)
		c.want("220")
		dripData(c)
		go func() {
			for range 100 {
				_, _ = io.WriteString(c.Conn, strings.Repeat(strings.Repeat("y", 78)+"\r\n", 128))
			}
			_, _ = io.WriteString(c.Conn, ".\r\nQUIT\r\n")
		}()
		c.want("452 4.3.1", "221")
		_ = c.Close()
		s.stopNow()
		if n := s.memory.Load(); n != 0 || len(b.published()) != 0 {
			t.Errorf("%d: %d bytes are still reserved, %d messages", most, n, len(b.published()))
		}
	}
}

// TestMemoryOfObjectsIsBounded: every recipient makes one more copy of the message.
func TestMemoryOfObjectsIsBounded(t *testing.T) {
	s, b := pipeServer(t, func(o *Options, _ *inject.Options) { o.MaxMemory = 400 << 10 })
	c := s.pipe(t)
	c.want("220")
	for n, code := range map[int]string{1: "250", 10: "452 4.3.1"} {
		c.send("EHLO client.test\r\n")
		c.want("250")
		c.send("MAIL FROM:<a@b.test>\r\n")
		c.want("250")
		for i := range n {
			c.send(fmt.Sprintf("RCPT TO:<%d@d.test>\r\n", i))
			c.want("250")
		}
		c.send("DATA\r\n")
		c.want("354")
		c.send("A: b\r\n\r\n" + strings.Repeat("y", 50<<10) + "\r\n.\r\n")
		c.want(code)
		until(t, func() bool { return s.memory.Load() == 0 })
	}
	_ = c.Close()
	s.stopNow()
	if len(b.published()) != 1 {
		t.Error(len(b.published()), "messages")
	}
}

// A message of nothing but LFs is twice as long when its lines are made good: that counts, for its memory and for its size.
func TestMemoryOfNormalLinesIsBounded(t *testing.T) {
	for code, change := range map[string]func(o *Options){
		"250":       func(*Options) {},
		"452 4.3.1": func(o *Options) { o.MaxMemory = 300 << 10 },
		"552 5.3.4": func(o *Options) { o.MaxSize = 90 << 10 },
	} {
		s, _ := pipeServer(t, func(o *Options, _ *inject.Options) { change(o) })
		c := s.pipe(t)
		c.want("220")
		c.send("EHLO client.test\r\n")
		c.want("250")
		c.play("MAIL FROM:<a@b.test>", "250", "RCPT TO:<c@d.test>", "250", "DATA", "354", "A: b\r\n\r\n"+strings.Repeat("\n", 50<<10)+"\r\n.", code)
		until(t, func() bool { return s.memory.Load() == 0 })
		_ = c.Close()
		s.stopNow()
	}
}
