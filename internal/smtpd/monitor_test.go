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
