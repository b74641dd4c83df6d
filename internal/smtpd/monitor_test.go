package smtpd

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"posthoorn/internal/inject"
	"posthoorn/internal/monitor"
)

// Clients that do not wait for answers send the rest of a login, or the content of a message, after the answer was no.
func TestWatchedBlindly(t *testing.T) {
	secret := base64.StdEncoding.EncodeToString([]byte("secret"))
	for _, c := range []struct{ refused, rest, shown string }{
		{"AUTH LOGIN", secret, ""},
		{"auth", secret, ""},
		{"\tAUTH LOGIN", secret, ""},
		{"AUTH LOGIN", "", ""},
		{"AUTH LOGIN", "NOOP " + secret, ""},
		{"AUTH LOGIN", "HELO " + secret + " " + secret, ""},
		{"DATA", "Subject: secret", ""},
		{"DATA", "data on the secret", ""},
		{"DATA", "Mail from the secret service", ""},
		{"DATA", "Quit the secret service", ""},
		{"DATA now", "Help, secret", ""},
		{"BDAT 0", "secret", ""},
		{"AUTH LOGIN", "EHLO client.test", "EHLO client.test"},
		{"DATA", "MAIL FROM:<a@shop.test>", "MAIL FROM:<a@shop.test>"},
		{"DATA", "rcpt to:<b@shop.test>", "rcpt to:<b@shop.test>"},
		{"DATA", "RSET", "RSET"},
		{"DATA", "BDAT 0 LAST", "BDAT 0 LAST"},
		{"RSET", "GET / HTTP/1.1", "GET / HTTP/1.1"},
		{"RSET", "XCLIENT NAME=x", "XCLIENT NAME=x"},
	} {
		hub := new(monitor.Hub)
		viewer, _ := hub.Watch(monitor.Filter{})
		ts := start(t, func(o *Options, _ *inject.Options) { o.Monitor = hub })
		conn := dial(t, ts.plain)
		in := bufio.NewReader(conn)
		for _, line := range []string{"", "EHLO client.test", c.refused, c.rest} {
			if line != "" || c.rest == line {
				fmt.Fprintf(conn, "%s\r\n", line)
			}
			for reply := ""; len(reply) < 4 || reply[3] == '-'; {
				reply, _ = in.ReadString('\n')
			}
		}
		_ = conn.Close()
		var told []string
		for l := range viewer.Lines() {
			if l.Text == "the session ends" {
				break
			}
			if l.Who == monitor.Them {
				told = append(told, l.Text)
			}
		}
		want := c.shown
		if want == "" {
			want = fmt.Sprintf("… (%d bytes)", len(c.rest))
		}
		if last := told[len(told)-1]; last != want {
			t.Errorf("%q after %q is shown as %q, want %q", c.rest, c.refused, last, want)
		}
	}
}

// Who watches sees commands and replies in the order in which they are said, and neither passwords nor content.
func TestWatched(t *testing.T) {
	hub := new(monitor.Hub)
	viewer, _ := hub.Watch(monitor.Filter{Direction: monitor.In})
	ts := start(t, func(o *Options, _ *inject.Options) {
		o.Monitor, o.Login = hub, oneLogin{"shop", "secret"}
	})
	conn := tls.Client(dial(t, ts.secure), clientTLS)
	in := bufio.NewReader(conn)
	say := func(line string) {
		t.Helper()
		if line != "" {
			fmt.Fprintf(conn, "%s\r\n", line)
		}
		for {
			reply, err := in.ReadString('\n')
			if err != nil {
				t.Fatal(line, err)
			}
			if len(reply) < 4 || reply[3] != '-' {
				return
			}
		}
	}
	code := base64.StdEncoding.EncodeToString
	say("")
	say("EHLO client.test")
	say("AUTH PLAIN " + code([]byte("\x00shop\x00wrong")))
	say(" AUTH PLAIN " + code([]byte("\x00shop\x00wrong")))
	say("auth login")
	say(code([]byte("shop")))
	say(code([]byte("secret")))
	say("MAIL FROM:<a@shop.test>")
	say("RCPT TO:<b@other.test>")
	say("DATA")
	say("Subject: hidden\r\n\r\nhidden text\r\n.")
	say("QUIT")
	var told []string
	for len(told) == 0 || told[len(told)-1] != "note the session ends" {
		l := <-viewer.Lines()
		told = append(told, string(l.Who)+" "+l.Text)
	}
	all := strings.Join(told, "\n")
	for _, hidden := range []string{"hidden", "secret", "wrong", code([]byte("secret")), code([]byte("\x00shop\x00wrong"))} {
		if strings.Contains(all, hidden) {
			t.Errorf("%q was shown in\n%s", hidden, all)
		}
	}
	at := 0
	for _, line := range []string{
		"note a client has connected", "note TLS is active", "us 220 ", "them EHLO client.test", "us 250 ", "them AUTH …", "us 535", "them AUTH …", "us 334",
		"us 235", "them MAIL FROM:<a@shop.test>", "us 250 2.1.0", "them RCPT TO", "them DATA", "us 354", "note content of", "us 250-Ok", "them QUIT", "us 221",
	} {
		i := strings.Index(all[at:], line)
		if i < 0 {
			t.Fatalf("%q is not shown, or not in its place:\n%s", line, all)
		}
		at += i
	}
}
