package testbed_test

import (
	"bytes"
	"net/smtp"
	"os/exec"
	"strings"
	"testing"

	"posthoorn/internal/testbed"
)

func TestMailServers(t *testing.T) {
	for name, start := range map[string]func(testing.TB, ...string) *testbed.MailServer{"postfix": testbed.Postfix, "exim": testbed.Exim} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			for _, to := range []string{"one@example.com", "two@example.org"} {
				if err := smtp.SendMail(s.Addr(), nil, "from@example.net", []string{to}, []byte("Subject: x\r\n\r\nhello "+to+"\r\n")); err != nil {
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

func TestTools(t *testing.T) {
	s := testbed.Postfix(t, "smtpd_banner = told by the test")
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
