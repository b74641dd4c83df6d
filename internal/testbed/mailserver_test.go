package testbed_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/smtp"
	"os/exec"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/testbed"
)

func TestMailServers(t *testing.T) {
	for name, start := range map[string]func(testing.TB, ...string) *testbed.MailServer{"postfix": testbed.Postfix, "exim": testbed.Exim} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			for _, to := range []string{"one@example.com", "two@example.org"} {
				if err := send(s.Addr(), "from@example.net", to, "Subject: x\r\n\r\nhello "+to+"\r\n"); err != nil {
					t.Fatalf("%v\n%s", err, s.Log())
				}
			}
			got := map[string]bool{}
			for _, m := range s.Wait(t, 2) {
				got[m.Recipient] = true
				if m.Sender != "from@example.net" || !bytes.Contains(m.Data, []byte("hello "+m.Recipient)) {
					t.Errorf("from %q to %q: %s", m.Sender, m.Recipient, m.Data)
				}
			}
			if !got["one@example.com"] || !got["two@example.org"] {
				t.Errorf("recipients %v", got)
			}
		})
	}
}

// A setting may come again and again; the last one counts.
func TestPostfixWithManySettings(t *testing.T) {
	var settings []string
	for i := range 20 {
		settings = append(settings, fmt.Sprint("mail_name = Name ", i))
	}
	s := testbed.Postfix(t, settings...)
	if err := send(s.Addr(), "from@example.net", "to@example.com", "Subject: x\r\n\r\nx\r\n"); err != nil {
		t.Fatalf("%v\n%s", err, s.Log())
	}
	if got := s.Wait(t, 1)[0].Data; !bytes.Contains(got, []byte("(Name 19)")) || strings.Contains(s.Log(), "warning") {
		t.Errorf("%s\n%s", got, s.Log())
	}
}

func TestTools(t *testing.T) {
	s := testbed.Postfix(t, "smtpd_banner = told by the test")
	if out, err := exec.Command(testbed.Tool(t, "msmtp"), "--version").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	for _, args := range [][]string{
		{testbed.Tool(t, "smtp-source"), "-m", "5", "-f", "a@example.com", "-t", "b@example.com", s.Addr()},
		{testbed.Tool(t, "swaks"), "--server", s.Addr(), "--from", "a@example.com", "--to", "b@example.com"},
	} {
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		if strings.Contains(args[0], "swaks") && !bytes.Contains(out, []byte("told by the test")) {
			t.Errorf("settings do not reach main.cf: %s", out)
		}
	}
	s.Wait(t, 6)
	if testbed.Tool(t, "smtp-sink") == "" {
		t.Error("no smtp-sink")
	}
}

// A relay, and a balancer in front of it, pass mail on.
func TestRelays(t *testing.T) {
	for name, start := range map[string]func(testing.TB, testbed.Next, ...string) *testbed.MailServer{
		"postfix": testbed.PostfixRelay, "exim": testbed.EximRelay,
	} {
		t.Run(name, func(t *testing.T) {
			end := testbed.Exim(t)
			balancer := testbed.StartHAProxy(t, "server end "+end.Addr(), "balance roundrobin\nserver end "+end.Addr()+" check inter 1s")
			relay := start(t, testbed.Next{Addr: balancer.Addrs[1]})
			if err := send(relay.Addr(), "from@example.net", "to@example.com", "Subject: x\r\n\r\nx\r\n"); err != nil {
				t.Fatalf("%v\n%s", err, relay.Log())
			}
			end.Wait(t, 1)
			if m := end.Mails(t)[0]; m.Sender != "from@example.net" || m.Recipient != "to@example.com" {
				t.Errorf("%+v", m)
			}
			// The first check may come after the mail.
			for deadline := time.Now().Add(2 * time.Minute); !strings.Contains(balancer.Log(), "section1/end succeeded"); time.Sleep(20 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("log: %s", balancer.Log())
				}
			}
		})
	}
}

// send hands a mail in.
func send(addr, from, to, content string) error {
	conn, err := net.DialTimeout("tcp", addr, time.Minute)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	c, err := smtp.NewClient(conn, "localhost")
	if err != nil {
		return err
	}
	if err := errors.Join(c.Mail(from), c.Rcpt(to)); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, content)
	return errors.Join(err, w.Close(), c.Quit())
}
