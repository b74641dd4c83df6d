package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// Large mail, and mail to many, through the SMTP door.
func TestLargeAndMany(t *testing.T) {
	const many = 200
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		body := "Subject: large\r\n\r\n" + strings.Repeat(strings.Repeat("0123456789", 7)+"\r\n", 30_000)
		steps := []string{"EHLO client.test", "250", "MAIL FROM:<me@sender.test>", "250"}
		r.dialogue(append(steps, "RCPT TO:<large@size.test>", "250", "DATA", "354", body+".", "250")...)
		r.succeed(1)
		m := r.received("large@size.test")
		if got := len(m.Source); got < len(body) || string(m.Source[got-len(body):]) != body {
			t.Errorf("%d bytes arrived of %d", got, len(body))
		}
		for i := range many {
			steps = append(steps, fmt.Sprintf("RCPT TO:<%d@many.test>", i), "250")
		}
		r.dialogue(append(steps, "DATA", "354", "Subject: x\r\n\r\nx\r\n.", "250")...)
		ids := map[string]bool{}
		for _, o := range r.succeed(many) {
			ids[string(o.fields["message-id"])+o.Recipient] = true
		}
		if len(ids) != many {
			t.Errorf("%d different ids and recipients, want %d", len(ids), many)
		}
	})
}
