package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"posthoorn/internal/sink"
)

// Every door leads to the receiver, and what comes out there is what went in, byte by byte, but for what mail must be: lines
// that end with CRLF, no NUL.
func TestDelivered(t *testing.T) {
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		deliverJSON(t, r)
		deliverSMTP(t, r)
		deliverSpool(t, r)
		deliverCommand(t, r)
		r.empty("failure", "retry")
	})
}

func deliverJSON(t *testing.T, r *rig) {
	cases := []struct{ name, mime, encoding, want string }{
		{"dots", "Subject: x\r\n\r\n.\r\n..\r\n.dot\r\nend.\r\n", "", "Subject: x\r\n\r\n.\r\n..\r\n.dot\r\nend.\r\n"},
		{"bare LF", "Subject: x\n\na\nb\n", "", "Subject: x\r\n\r\na\r\nb\r\n"},
		{"bare CR", "Subject: x\r\n\r\na\rb\r\n", "", "Subject: x\r\n\r\na\r\nb\r\n"},
		{"smuggled end", "Subject: x\r\n\r\na\n.\r\nMAIL FROM:<x@y.test>\r\n", "", "Subject: x\r\n\r\na\r\n.\r\nMAIL FROM:<x@y.test>\r\n"},
		{"smuggled end CR", "Subject: x\r\n\r\na\r.\rDATA\r\n.\n", "", "Subject: x\r\n\r\na\r\n.\r\nDATA\r\n.\r\n"},
		{"NUL", "Subject: x\r\n\r\na\x00b\r\n", "", "Subject: x\r\n\r\nab\r\n"},
		{"no final newline", "Subject: x\r\n\r\nlast", "", "Subject: x\r\n\r\nlast\r\n"},
		{"8-bit", "Subject: x\r\n\r\nGrüße aus Köln ✉\r\n", "", "Subject: x\r\n\r\nGrüße aus Köln ✉\r\n"},
		{"UTF-8 in the header", "Subject: Grüße\r\n\r\nx\r\n", "", "Subject: Grüße\r\n\r\nx\r\n"},
		{"not UTF-8", "Subject: x\r\n\r\n\xe9\xff\r\n", "base64", "Subject: x\r\n\r\n\xe9\xff\r\n"},
		{"header only", "Subject: x\r\n", "", "Subject: x\r\n"},
		{"long line", "Subject: x\r\n\r\n" + strings.Repeat("y", 5000) + "\r\n", "", "Subject: x\r\n\r\n" + strings.Repeat("y", 5000) + "\r\n"},
	}
	var lines []string
	for i, c := range cases {
		fields := map[string]any{"envelope": "me@sender.test", "recipient": fmt.Sprintf("json%d@bytes.test", i), "mime": c.mime}
		if c.encoding != "" {
			fields["mime"], fields["mime-encoding"] = base64.StdEncoding.EncodeToString([]byte(c.mime)), c.encoding
		}
		line, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line))
	}
	r.publish("%s", strings.Join(lines, "\n"))
	r.succeed(len(cases))
	for i, c := range cases {
		to := fmt.Sprintf("json%d@bytes.test", i)
		m := r.received(to)
		if string(m.Source) != c.want || m.From != "me@sender.test" {
			t.Errorf("%s: from %s: %q, want %q", c.name, m.From, m.Source, c.want)
		}
	}
}

// succeed takes n results from both queues; all must be good.
func (r *rig) succeed(n int) []outcome {
	r.t.Helper()
	r.take("success", n)
	list := r.take("results", n)
	for i := range list {
		o := &list[i]
		l := o.last()
		if l.brief() != "message/accepted 250 2.0.0 "+l.Description || !strings.HasPrefix(l.Description, "Ok: ") || l.Attempt != len(o.Results) {
			r.t.Errorf("%s", o.raw)
		}
		if o.Mime != nil || o.fields["mime-encoding"] != nil {
			r.t.Errorf("content in a result: %s", o.raw)
		}
	}
	return list
}

// received is the one message that a receiver has for an address.
func (r *rig) received(to string) sink.Message {
	r.t.Helper()
	var found []sink.Message
	for _, m := range r.sink.Messages() {
		if m.Recipients[0] == to && m.Decision == "accepted" {
			found = append(found, m)
		}
	}
	if len(found) != 1 {
		r.t.Errorf("%d messages for %s at the receiver, want 1", len(found), to)
		return sink.Message{Decision: "none"}
	}
	return found[0]
}

func deliverSMTP(t *testing.T, r *rig) {
	body := "Subject: by SMTP\r\nx-mq-order: 4411\r\nX-Other: y\r\n\r\n..dot\r\nGr\xfc\xdfe\r\nlast\r\n."
	replies := r.dialogue("EHLO client.test", "250", "MAIL FROM:<me@sender.test> BODY=8BITMIME", "250", "RCPT TO:<one@door.test>", "250",
		"RCPT TO:<two@door.test>", "250", "DATA", "354", body, "250", "QUIT", "221")
	ids := strings.Split(replies[5], "\n")
	if len(ids) != 3 || !strings.HasPrefix(ids[0], "Ok") || !strings.HasSuffix(ids[1], " for one@door.test") || !strings.HasSuffix(ids[2], " for two@door.test") {
		t.Errorf("reply to the message: %q", ids)
	}
	for _, o := range r.succeed(2) {
		var c map[string]any
		if err := json.Unmarshal(o.fields["connection"], &c); err != nil || c["remote-ip"] != "127.0.0.1" || c["secure"] != false {
			t.Errorf("connection: %s", o.fields["connection"])
		}
		if string(o.fields["order"]) != `"4411"` || string(o.fields["hostname"]) != `"mta.example.test"` || o.fields["received"] == nil || o.fields["ips"] != nil {
			t.Errorf("%s", o.raw)
		}
		id := strings.Trim(string(o.fields["message-id"]), `"`)
		if !strings.Contains(replies[5], id+" for "+o.Recipient) {
			t.Errorf("message-id %s is not in %q", id, replies[5])
		}
		m := r.received(o.Recipient)
		trace, rest, _ := strings.Cut(string(m.Source), "Subject:")
		if !strings.HasPrefix(trace, "Received: from client.test") || !strings.HasSuffix(trace, "\r\n") || strings.Count(trace, "Received:") != 1 {
			t.Errorf("trace: %q", trace)
		}
		if want := " by SMTP\r\nX-Other: y\r\n\r\n.dot\r\nGr\xfc\xdfe\r\nlast\r\n"; rest != want {
			t.Errorf("%q, want %q", rest, want)
		}
	}
}

func deliverSpool(t *testing.T, r *rig) {
	text := "From: me@sender.test\nTo: one@spool.test\nBcc: two@spool.test\nx-mq-id: 17\n\n.dot\nno newline"
	r.drop("mail.eml", text)
	for _, o := range r.succeed(2) {
		m := r.received(o.Recipient)
		if want := "From: me@sender.test\r\nTo: one@spool.test\r\n\r\n.dot\r\nno newline\r\n"; string(m.Source) != want || m.From != "me@sender.test" {
			t.Errorf("from %s: %q, want %q", m.From, m.Source, want)
		}
		var s map[string]any
		if err := json.Unmarshal(o.fields["spool"], &s); err != nil || s["file"] != "mail.eml" || s["size"] != float64(len(text)) || s["directory"] != filepath.Join(r.dir, "spool") {
			t.Errorf("spool: %s", o.fields["spool"])
		}
		if string(o.fields["id"]) != `"17"` || o.fields["message-id"] != nil {
			t.Errorf("%s", o.raw)
		}
	}
	eventually(t, "the file is removed", func() bool {
		_, err := os.Stat(filepath.Join(r.dir, "spool", "mail.eml"))
		return os.IsNotExist(err)
	})
}

// drop puts a file into the spool directory.
func (r *rig) drop(name, text string) {
	r.t.Helper()
	hidden := filepath.Join(r.dir, "spool", "."+name)
	if err := os.WriteFile(hidden, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(hidden, filepath.Join(r.dir, "spool", name)); err != nil {
		r.t.Fatal(err)
	}
}

func deliverCommand(t *testing.T, r *rig) {
	r.command("Subject: x\nX-MQ-Campaign: 9\n\n..dot\nlast\n.\nnot part of it\n", "--envelope", "me@sender.test", "one@cli.test", "two@cli.test")
	for _, o := range r.succeed(2) {
		m := r.received(o.Recipient)
		if want := "Subject: x\r\n\r\n.dot\r\nlast\r\n"; string(m.Source) != want || m.From != "me@sender.test" {
			t.Errorf("from %s: %q, want %q", m.From, m.Source, want)
		}
		var c struct {
			Command   string
			Arguments []string
			User      string
		}
		if err := json.Unmarshal(o.fields["cli"], &c); err != nil || c.Command != "/usr/bin/posthoorn" || len(c.Arguments) == 0 || c.User == "" {
			t.Errorf("cli: %s", o.fields["cli"])
		}
		if string(o.fields["campaign"]) != `"9"` {
			t.Errorf("%s", o.raw)
		}
	}
	r.command("To: three@cli.test\nFrom: me@sender.test\n\n.\n..dots stay\n", "--extract-recipients", "--ignore-dot")
	r.succeed(1)
	if m := r.received("three@cli.test"); string(m.Source) != "To: three@cli.test\r\nFrom: me@sender.test\r\n\r\n.\r\n..dots stay\r\n" {
		t.Errorf("%q", m.Source)
	}
	if code, _, complaints := r.try("Subject: x\n\n", "not an address@cli.test"); code != 65 || complaints == "" {
		t.Errorf("bad recipient: exit %d: %s", code, complaints)
	}
}
