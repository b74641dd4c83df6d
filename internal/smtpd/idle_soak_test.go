//go:build soak

package smtpd

import (
	"bytes"
	"crypto/tls"
	"net"
	"os"
	"runtime/debug"
	"strconv"
	"testing"

	"posthoorn/internal/inject"
)

// TestIdleSessions: 10,000 sessions that wait for a command would cost the process less than 300 MB. Half as many are opened, since
// both ends need a file handle here.
func TestIdleSessions(t *testing.T) {
	const sessions = 5000
	for _, mode := range []string{"greeted", "after EHLO", "after a message", "TLS, greeted", "TLS, after EHLO", "STARTTLS, after EHLO"} {
		t.Run(mode, func(t *testing.T) {
			ts := start(t, func(o *Options, io *inject.Options) { o.MaxSessions, io.Sender = sessions, nullBroker{} })
			conns := []net.Conn{idle(t, ts, mode)} // what is allocated only once does not count
			before := resident(t)
			for len(conns) < sessions {
				conns = append(conns, idle(t, ts, mode))
			}
			cost := (resident(t) - before) / (sessions - 1)
			t.Logf("%d bytes a session, the client's end included", cost)
			if n := ts.Sessions(); n != sessions || cost > 300_000_000/10_000 {
				t.Errorf("%d sessions of %d bytes", n, cost)
			}
			for _, c := range conns {
				_ = c.Close()
			}
			until(t, func() bool { return ts.Sessions() == 0 })
		})
	}
}

// idle opens a session and leaves it waiting. Of the client's end only the socket stays.
func idle(t *testing.T, ts *testServer, mode string) net.Conn {
	address, dialogue := ts.plain, ""
	switch mode {
	case "after EHLO":
		dialogue = "EHLO client.test\r\n"
	case "after a message":
		dialogue = envelope + "DATA\r\nA: b\r\n\r\n.\r\nNOOP x\r\n"
	case "STARTTLS, after EHLO":
		dialogue = "EHLO client.test\r\n"
	case "TLS, greeted":
		address = ts.secure
	case "TLS, after EHLO":
		address, dialogue = ts.secure, "EHLO client.test\r\n"
	}
	raw, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	c := raw
	if mode == "STARTTLS, after EHLO" {
		answer(t, c, "EHLO client.test\r\nSTARTTLS\r\n", "220 2.0.0 ")
		c = tls.Client(raw, clientTLS)
	} else if address == ts.secure {
		c = tls.Client(raw, clientTLS)
	}
	last := "ESMTP"
	switch {
	case mode == "after a message":
		last = "\r\n250 2.0.0 Ok\r\n"
	case dialogue != "":
		last = "250 ENHANCEDSTATUSCODES\r\n"
	}
	answer(t, c, dialogue, last)
	return raw
}

// answer sends commands and reads until their last reply.
func answer(t *testing.T, c net.Conn, commands, last string) {
	if _, err := c.Write([]byte(commands)); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for buf := make([]byte, 4096); !bytes.Contains(got, []byte(last)); {
		n, err := c.Read(buf)
		if err != nil {
			t.Fatalf("%q %v", got, err)
		}
		got = append(got, buf[:n]...)
	}
}

// resident is the memory of this process, in bytes.
func resident(t *testing.T) int {
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(string(bytes.Fields(text)[1]))
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}
