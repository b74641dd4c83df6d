package smtpd

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"posthoorn/internal/inject"
)

// slowly is what a client sends one byte a second, and how it begins.
var slowly = []struct {
	name  string
	begin string // at once
	byte  string // again and again
}{
	{"nothing but a long command", "", "x"},
	{"data without end", envelope + "DATA\r\n", "x"},
	{"lines of data", envelope + "DATA\r\n", "\n"},
	{"a chunk", envelope + "BDAT 100000\r\n", "x"},
	{"chunks of one byte", envelope, "BDAT 1\r\nx"},
	{"commands before EHLO", "", "NOOP\r\n"},
}

// TestCreepingClients: a server full of clients that send a byte a second serves the next one as ever, and is rid of them
// within two minutes.
func TestCreepingClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const slow = 250
		s, b := pipeServer(t, func(o *Options, _ *inject.Options) { o.MaxSessions = slow + 1 })
		defer s.stopNow()
		for i := range slow {
			go creep(s.pipeFrom(t, net.IPv4(10, 0, byte(i/200), byte(i%200))).Conn, slowly[i%len(slowly)].begin, slowly[i%len(slowly)].byte)
		}
		time.Sleep(time.Second / 2)
		if n := s.Sessions(); n != slow {
			t.Fatal(n, "sessions")
		}
		start := time.Now()
		c := s.pipe(t)
		c.want("220")
		dripData(c)
		c.send("A: b\r\n\r\n.\r\n")
		c.want("250")
		if d := time.Since(start); d > 0 {
			t.Error("the honest client waited", d)
		}
		s.pipe(t).want("421 4.3.2")
		time.Sleep(2 * time.Minute)
		if n := s.Sessions(); n != 1 {
			t.Error(n, "sessions are left")
		}
		_ = c.Close()
		if n := len(b.published()); n != 1 {
			t.Error(n, "messages")
		}
	})
}

// creep sends one byte, or what is to come instead, a second, until the server has enough. It reads all the time.
func creep(c net.Conn, begin, step string) {
	defer func() { _ = c.Close() }()
	go func() { _, _ = io.Copy(io.Discard, c) }()
	for next := begin; ; next = step {
		if next != "" { // over a pipe the other end would see an empty read
			if _, err := io.WriteString(c, next); err != nil {
				return
			}
		}
		time.Sleep(time.Second)
	}
}
