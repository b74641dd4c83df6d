package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"posthoorn/internal/testbed"
)

// relayed is one message that goes to a relay, and how it must come out at the receiver.
type relayed struct {
	name   string
	from   string // with parameters of MAIL
	to     string // with parameters of RCPT; NN stands for the numbers of ten recipients
	source string
	dsn    dsn
}

// dsn is the object of that name.
type dsn struct{ Notify, Ret, ORcpt, EnvID string }

// dsn is empty where there is none. An original recipient that is the recipient, which Postfix always sends, is left out.
func (o *outcome) dsn(t *testing.T) (d dsn) {
	t.Helper()
	if text := o.fields["dsn"]; text != nil {
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatalf("%v: %s", err, o.raw)
		}
	}
	if d.ORcpt == o.Recipient {
		d.ORcpt = ""
	}
	return d
}

// toRelays is the mail that relays get: what is hard, and as many simple ones as it takes to make number.
func toRelays(number int) []relayed {
	const head = "From: me@sender.test\r\nTo: you@relay.test\r\nDate: Sat, 28 Nov 2026 12:00:00 +0000\r\nMessage-ID: <NAME@sender.test>\r\nSubject: NAME\r\n"
	const me = "<me@sender.test>"
	list := []relayed{
		{name: "eight", from: me + " BODY=8BITMIME", source: "Subject: Gr\xfc\xdfe\r\n\r\nK\xf6ln \xff\r\n"},
		{name: "utf8", from: "<müller@sender.test> SMTPUTF8 BODY=8BITMIME", to: "<übung@relay.test>", source: "X-Name: Jürgen ✉\r\n\r\nGrüße\r\n"},
		{name: "long", from: me, source: "\r\n" + strings.Repeat("y", 50_000) + "\r\nend\r\n"},
		{name: "bounce", from: "<>", source: "\r\nNot delivered.\r\n"},
		{name: "dots", from: me, source: "\r\n..\r\n...\r\n..x\r\n.. \r\nend.\r\n"},
		{name: "big", from: me, source: "\r\n" + strings.Repeat("0123456789abcdef.\r\n", 60_000)},
		{name: "empty", from: me, source: "\r\n"},
		{name: "ten", from: me, to: "<tenNN@relay.test>", source: "\r\nto ten\r\n"},
		{name: "dsn", from: me + " RET=FULL ENVID=QQ+2B314", to: "<dsn@relay.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;first+2Bone@sender.test",
			source: "\r\nx\r\n", dsn: dsn{Notify: "SUCCESS,DELAY", Ret: "FULL", ORcpt: "first+one@sender.test", EnvID: "QQ+314"}},
		{name: "alias", from: me, to: `<alias@relay.test> NOTIFY=DELAY ORCPT=utf-8;j\x{FC}rgen@b\x{FC}cher.test`, source: "\r\nx\r\n",
			dsn: dsn{Notify: "DELAY", ORcpt: "utf-8;jürgen@bücher.test"}},
		{name: "never", from: me + " RET=HDRS", to: "<never@relay.test> NOTIFY=NEVER", source: "\r\nx\r\n", dsn: dsn{Notify: "NEVER", Ret: "HDRS"}},
	}
	for i := len(list); i < number; i++ {
		list = append(list, relayed{name: fmt.Sprintf("simple%d", i), from: me, source: fmt.Sprintf("\r\nno. %d\r\n", i)})
	}
	for i := range list {
		c := &list[i]
		c.source = strings.ReplaceAll(head, "NAME", c.name) + c.source
		if c.to == "" {
			c.to = "<" + c.name + "@relay.test>"
		}
	}
	return list
}

// recipients are the RCPT lines of the message.
func (c *relayed) recipients() (list []string) {
	if !strings.Contains(c.to, "NN") {
		return []string{c.to}
	}
	for i := range 10 {
		list = append(list, strings.Replace(c.to, "NN", fmt.Sprint(i), 1))
	}
	return list
}

// dialogue is how the message gets to the relay.
func (c *relayed) dialogue() []string {
	lines := []string{"EHLO client.test", "250", "MAIL FROM:" + c.from, "250"}
	for _, to := range c.recipients() {
		lines = append(lines, "RCPT TO:"+to, "250")
	}
	data := regexp.MustCompile(`(?m)^\.`).ReplaceAllString(c.source, "..")
	return append(lines, "DATA", "354", data+".", "250", "QUIT", "221")
}

// address is what stands between the angle brackets.
func address(path string) string {
	inside, _, _ := strings.Cut(strings.TrimPrefix(path, "<"), ">")
	return inside
}

// passOn sends mail by way of a relay and wants all of it at the receiver, each as it was.
func passOn(t *testing.T, r *rig, relay *testbed.MailServer, list []relayed, check func(o *outcome)) {
	t.Helper()
	defer func() {
		if t.Failed() {
			log := relay.Log()
			t.Logf("log of the relay:\n%s", log[max(0, len(log)-3000):])
		}
	}()
	want := map[string]relayed{}
	for _, c := range list {
		converse(t, relay.Addr(), c.dialogue()...)
		for _, to := range c.recipients() {
			want[address(to)] = c
		}
	}
	for _, o := range r.succeed(len(want)) {
		c := want[o.Recipient]
		from, source := r.arrived(o.Recipient, 2)
		if source != c.source || from != address(c.from) || o.Envelope != from {
			t.Errorf("%s: from %s (%s), %d bytes, want %d: %.300q", c.name, from, o.Envelope, len(source), len(c.source), source)
		}
		if got := o.dsn(t); got != c.dsn {
			t.Errorf("%s: dsn %+v, want %+v", c.name, got, c.dsn)
		}
		check(&o)
	}
	r.empty("outbox", "results", "failure", "retry")
}

// relays are the two ways that a relay comes in.
func relays(t *testing.T, number int, start func(testing.TB, testbed.Next, ...string) *testbed.MailServer, wantLine func(t *testing.T, line string, o *outcome), settings ...string) {
	t.Parallel()
	t.Run("login", func(t *testing.T) {
		t.Parallel()
		door := newTLSDoor(t, withLogin)
		onEmbedded(t, setup{keys: door.keys}, func(t *testing.T, r *rig) {
			r.open()
			relay := start(t, testbed.Next{Addr: r.door, TLS: true, User: withLogin["smtp-username"], Password: withLogin["smtp-password"]}, settings...)
			passOn(t, r, relay, toRelays(number), func(o *outcome) {
				if c := o.origin(t); !c.Secure || c.User != "shop" {
					t.Errorf("%s: %+v", o.Recipient, c)
				}
				wantLine(t, lineWith(t, relay.Log(), o.messageID()+" for "), o)
			})
		})
	})
	t.Run("clear", func(t *testing.T) {
		t.Parallel()
		onRabbit(t, setup{}, func(t *testing.T, r *rig) {
			r.open()
			relay := start(t, testbed.Next{Addr: r.door}, settings...)
			passOn(t, r, relay, toRelays(0), func(o *outcome) {
				if c := o.origin(t); c.Secure || c.User != "" {
					t.Errorf("%s: %+v", o.Recipient, c)
				}
				wantLine(t, lineWith(t, relay.Log(), o.messageID()+" for "), o)
			})
		})
	})
}

// Postfix says in its log what we called each message.
func TestPostfixRelays(t *testing.T) {
	relays(t, 50, testbed.PostfixRelay, func(t *testing.T, line string, o *outcome) {
		if !strings.Contains(line, "status=sent (250-Ok, queued under these identifiers: 250") {
			t.Errorf("%s", line)
		}
	})
}

// A relay keeps what we cannot take now, and brings it when we can.
func TestPostfixComesAgain(t *testing.T) {
	t.Parallel()
	onEmbedded(t, setup{keys: map[string]string{"local-min-free": "1000000GB"}}, func(t *testing.T, r *rig) {
		relay := testbed.PostfixRelay(t, testbed.Next{Addr: r.door}, "queue_run_delay = 1s", "minimal_backoff_time = 1s", "maximal_backoff_time = 1s",
			"transport_retry_time = 1s")
		t.Cleanup(func() {
			if log := relay.Log(); t.Failed() {
				t.Logf("Postfix says:\n%s", log[max(0, len(log)-3000):])
			}
		})
		list := toRelays(0)
		for _, c := range list[:3] {
			converse(t, relay.Addr(), c.dialogue()...)
		}
		eventually(t, "Postfix is told to wait", func() bool {
			return strings.Count(relay.Log(), "status=deferred (host 127.0.0.1[127.0.0.1] said: 452 4.3.1") >= 3
		})
		r.stop()
		eventually(t, "Postfix finds nobody", func() bool { return strings.Contains(relay.Log(), "Connection refused") })
		r.server = r.write("daemon.txt", r.keys(nil, r.broker))
		r.start()
		eventually(t, "Postfix has brought it", func() bool {
			relay.Flush(t)
			return strings.Count(relay.Log(), "status=sent") >= 3
		})
		r.succeed(3)
		for _, c := range list[:3] {
			if _, source := r.arrived(address(c.to), 2); source != c.source {
				t.Errorf("%s: %.300q", c.name, source)
			}
		}
		r.empty("outbox", "results", "failure", "retry")
	})
}

// Exim sends with BDAT (K in its log) and without waiting for replies (L), since both are offered. What Exim would also like is not.
func TestEximRelays(t *testing.T) {
	relays(t, 20, testbed.EximRelay, func(t *testing.T, line string, o *outcome) {
		if !strings.Contains(line, ` L K C="250-Ok, queued under these identifiers:`) || strings.Contains(line, " L* ") {
			t.Errorf("%s", line)
		}
	}, "dsn_advertise_hosts = *", "log_selector = +pipelining")
}

// lineWith is the first line of a log with these words.
func lineWith(t *testing.T, log, words string) string {
	t.Helper()
	for line := range strings.Lines(log) {
		if strings.Contains(line, words) {
			return line
		}
	}
	t.Errorf("no %q in the log", words)
	return ""
}
