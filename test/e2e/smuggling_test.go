package e2e

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// Whatever line ends a sender uses, one message stays one message: at the SMTP door, and on the way out (T2).
func TestNothingIsSmuggled(t *testing.T) {
	const more = "MAIL FROM:<evil@sender.test>\r\nRCPT TO:<evil@smuggled.test>\r\nDATA\r\nSubject: evil\r\n\r\nx"
	ends := []string{"\n.\n", "\n.\r\n", "\r.\r", "\r.\r\n", "\r\n.\n", "\r\n.\r", "\n\n.\r\n", "\r\n.\r\r\n", "\r\n\x00.\r\n", "\r\n..\r\n", "\r\n .\r\n"}
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		expected := 0
		for i, end := range ends {
			mime := "Subject: x\r\n\r\nbody" + end + more + "\r\n"
			r.publish(`{"envelope":"me@sender.test","recipient":"json%d@smuggled.test","mime":%s}`, i, quoted(mime))
			expected++
			code := "250"
			if strings.Contains(end, "\x00") {
				code = "554" // no mail holds NUL
			} else {
				expected++
			}
			r.dialogue("EHLO client.test", "250", "MAIL FROM:<me@sender.test>", "250", fmt.Sprintf("RCPT TO:<smtp%d@smuggled.test>", i), "250",
				"DATA", "354", mime+".", code, "QUIT", "221")
		}
		r.succeed(expected)
		for _, m := range r.sink.Messages() {
			if m.From != "me@sender.test" || len(m.Recipients) != 1 || strings.HasPrefix(m.Recipients[0], "evil") {
				t.Errorf("from %s to %v", m.From, m.Recipients)
			}
			text := bytes.ReplaceAll(m.Source, []byte("\r\n"), nil)
			if bytes.ContainsAny(text, "\r\n\x00") || !bytes.Contains(m.Source, []byte("\r\nMAIL FROM:<evil@sender.test>\r\n")) {
				t.Errorf("to %v: %q", m.Recipients, m.Source)
			}
		}
		if n := len(r.sink.Messages()); n != expected {
			t.Errorf("%d messages, want %d", n, expected)
		}
	})
}

// quoted is text as JSON.
func quoted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range text {
		if c < ' ' || c == '"' || c == '\\' {
			fmt.Fprintf(&b, `\u%04x`, c)
		} else {
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// Addresses that look like commands but are addresses arrive as what they are (T4).
func TestOddAddresses(t *testing.T) {
	recipients := []string{
		`a+b@odd.test`, `"a@b"@odd.test`, `"a>b"@odd.test`, `"a\\\"b"@odd.test`, `"<x>"@odd.test`, `!#$%&'*/=?^_{|}~-@odd.test`, `"NOTIFY=NEVER>"@odd.test`,
		`x.y@odd.test`, `a@[127.0.0.1]`, `UPPER@ODD.TEST`,
	}
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		for _, to := range recipients {
			r.publish(`{"envelope":%s,"recipient":%s,"mime":"x"}`, quoted(to), quoted(to))
		}
		r.succeed(len(recipients))
		seen := map[string]bool{}
		for _, m := range r.sink.Messages() {
			if len(m.Recipients) != 1 || m.From != m.Recipients[0] {
				t.Errorf("from %s to %v", m.From, m.Recipients)
			}
			local, domain, _ := strings.Cut(m.From, "@odd.")
			seen[local+strings.ToLower(domain)] = true
		}
		if len(seen) != len(recipients) {
			t.Errorf("%v", seen)
		}
	})
}
