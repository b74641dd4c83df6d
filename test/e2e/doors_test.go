package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Without the daemon the command line still takes mail: into RabbitMQ, or complete into the spool directory (operations.md
// section 2).
func TestInjectionWithoutDaemon(t *testing.T) {
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		r.stop()
		r.command("Subject: x\nx-mq-envelope: other@sender.test\nx-mq-order: 7\n\nbody", "--envelope", "me@sender.test", "one@down.test", "two@down.test")
		r.start()
		for _, o := range r.succeed(2) {
			m := r.received(o.Recipient)
			if string(m.Source) != "Subject: x\r\n\r\nbody\r\n" || m.From != "me@sender.test" || string(o.fields["order"]) != `"7"` {
				t.Errorf("from %s: %q: %s", m.From, m.Source, o.raw)
			}
		}
	})
}

// Neither daemon nor spool directory: the sender keeps the message and hears about it.
func TestInjectionIntoNothing(t *testing.T) {
	t.Parallel()
	onEmbedded(t, setup{keys: map[string]string{"spool-directory": ""}}, func(t *testing.T, r *rig) {
		r.stop()
		if code, _, complaint := r.try("Subject: x\n\nbody", "one@down.test"); code != 75 || complaint == "" {
			t.Errorf("exit %d: %s", code, complaint)
		}
	})
}

// A spool file that is no mail goes to the fail directory and holds up nobody.
func TestBadSpoolFiles(t *testing.T) {
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		bad := map[string]string{"nobody.eml": "Subject: x\n\nno recipient\n", "nul": "To: a@b.test\n\nx\x00y", "bad": "To: not an address\n\nx"}
		for name, text := range bad {
			r.drop(name, text)
		}
		r.drop("good", "To: you@spool.test\n\nx\n")
		r.succeed(1)
		for name, text := range bad {
			eventually(t, name+" is in the fail directory", func() bool { return r.read(filepath.Join("failed", name)) == text && r.there("failed", name) })
			if r.there("spool", name) {
				t.Errorf("%s is in the spool directory too", name)
			}
		}
		r.empty("failure", "results")
	})
}

func (r *rig) there(parts ...string) bool {
	_, err := os.Stat(filepath.Join(append([]string{r.dir}, parts...)...))
	return err == nil
}

// With an inbox the doors lead there, and nothing is sent (queues.md section 3).
func TestInbox(t *testing.T) {
	onBoth(t, setup{keys: map[string]string{"rabbitmq-inbox": "yes"}}, func(t *testing.T, r *rig) {
		r.dialogue("EHLO client.test", "250", "MAIL FROM:<>", "250", "RCPT TO:<smtp@inbox.test>", "250", "DATA", "354", "Subject: x\r\n\r\n\xe9\r\n.", "250")
		r.drop("mail", "To: spool@inbox.test\nFrom: me@sender.test\n\n\xc3\xa9\n")
		r.command("Subject: x\n\ny\n", "cli@inbox.test")
		for _, o := range r.take("inbox", 3) {
			if len(o.Results) != 0 || o.Mime == nil || o.fields["received"] == nil || o.fields["maxdelivertime"] != nil {
				t.Errorf("%s", o.raw)
			}
			var kind []string
			for _, name := range []string{"connection", "spool", "cli"} {
				if o.fields[name] != nil {
					kind = append(kind, name)
				}
			}
			want := map[string]string{"smtp@inbox.test": "connection", "spool@inbox.test": "spool", "cli@inbox.test": "cli"}[o.Recipient]
			if len(kind) != 1 || kind[0] != want {
				t.Errorf("%s", o.raw)
			}
			if encoding := string(o.fields["mime-encoding"]); (encoding == `"base64"`) != (want == "connection") {
				t.Errorf("%s", o.raw)
			}
			if envelope, there := o.fields["envelope"]; want == "connection" && there && string(envelope) != "null" {
				t.Errorf("%s", o.raw)
			}
		}
		if n := len(r.sink.Messages()); n != 0 {
			t.Errorf("%d messages were sent", n)
		}
		r.empty("outbox", "results")
	})
}

// reload opens the logs again: after another program has renamed them.
func TestReload(t *testing.T) {
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		r.publish(`{"recipient":"one@reload.test","mime":"x"}`)
		r.succeed(1)
		eventually(t, "the first line", func() bool { return strings.Contains(r.read("attempts.log"), "one@reload.test") })
		if err := os.Rename(filepath.Join(r.dir, "attempts.log"), filepath.Join(r.dir, "old")); err != nil {
			t.Fatal(err)
		}
		r.command("", "reload")
		r.publish(`{"recipient":"two@reload.test","mime":"x"}`)
		r.succeed(1)
		eventually(t, "the second line", func() bool { return strings.Contains(r.read("attempts.log"), "two@reload.test") })
		if strings.Contains(r.read("attempts.log"), "one@reload.test") || !strings.Contains(r.read("old"), "one@reload.test") {
			t.Errorf("old:\n%s\nnew:\n%s", r.read("old"), r.read("attempts.log"))
		}
	})
}
