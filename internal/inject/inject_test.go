package inject

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"posthoorn/internal/broker"
	"posthoorn/internal/mail"
)

// fakeBroker keeps what is published.
type fakeBroker struct {
	mu    sync.Mutex
	sends int
	got   []broker.Publishing
	err   error
}

func (f *fakeBroker) Send(_ context.Context, ps []broker.Publishing, done broker.Done) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sends++
	if f.err == nil {
		f.got = append(f.got, ps...)
	}
	done(f.err)
}

var (
	now  = time.Date(2031, 5, 4, 9, 12, 44, 0, time.UTC)
	conn = &Connection{LocalIP: "198.51.100.7", LocalPort: 25, RemoteIP: "203.0.113.20", RemotePort: 48211, Secure: true, User: "shop"}
	file = &Spool{Directory: "/in", File: "a.eml", User: "www", Size: 12}
	call = &CLI{Command: "/usr/bin/posthoorn", Arguments: []string{"a@b.test"}, User: "john"}
)

func addr(t testing.TB, s string) mail.Address {
	t.Helper()
	if s == "" {
		return mail.Address{}
	}
	a, err := mail.ParseAddress(s, false)
	if err != nil {
		t.Fatal(s, err)
	}
	return a
}

func rcpts(t testing.TB, list ...string) (rs []Recipient) {
	for _, s := range list {
		rs = append(rs, Recipient{To: addr(t, s)})
	}
	return rs
}

func newDoor(o Options) (*Door, *fakeBroker) {
	b := &fakeBroker{}
	o.Sender, o.Hostname = b, "in1.relay.test"
	if o.Queues.Inbox == "" {
		o.Queues.Inbox = "inbox"
	}
	return New(o), b
}

func properties(t *testing.T, p broker.Publishing) map[string]any {
	t.Helper()
	got := map[string]any{}
	if err := json.Unmarshal(p.Body, &got); err != nil {
		t.Fatalf("%v in %s", err, p.Body)
	}
	if _, err := mail.Parse(p.Body, mail.Rules{}); err != nil {
		t.Fatalf("no valid message: %v", err)
	}
	return got
}

func TestOneObjectPerRecipient(t *testing.T) {
	d, b := newDoor(Options{Queues: Queues{Inbox: "inbox", Local: "local", Reports: "reports", Refused: "refused"}})
	s := Submission{From: addr(t, "ann@customer.test"), Source: []byte("From: ann@customer.test\r\nx-mq-tag: 1\r\n\r\n\"hi\"\\\t\x01 ü\r\n"),
		Extract: true, Origin: conn, Received: now, IPs: []string{"198.51.100.7"}, Checks: []byte(`[{"spf":"pass"}]`)}
	s.Recipients = rcpts(t, "desk@shop.test", "sales@shop.test", "bounce@shop.test", "evil@other.test")
	s.Recipients[0].DSN = mail.DSN{Notify: "NEVER", ORcpt: "rfc822;x@y.test"}
	s.Recipients[1].Role = Local
	s.Recipients[2].Role, s.Recipients[2].Reported = Reports, []byte(`{"kind":"dsn"}`)
	s.Recipients[3].Role = Refused
	s.Trace = func(dst []byte, r *Recipient, id string) []byte {
		return append(dst, "Received: id "+id+"\r\n\tfor <"+r.To.String()+">\r\n"...)
	}
	var logged int
	s.Published = func([]byte, bool) { logged++ }
	ids, err := d.Accept(t.Context(), s)
	if err != nil || len(ids) != 4 || b.sends != 1 || logged != 4 {
		t.Fatal(err, ids, b.sends, logged)
	}
	for i, queue := range []string{"inbox", "local", "reports", "refused"} {
		p := b.got[i]
		got := properties(t, p)
		if p.Queue != queue || p.ID != ids[i] || got["message-id"] != ids[i] || got["recipient"] != s.Recipients[i].To.String() {
			t.Errorf("%d: %s %s %v", i, p.Queue, p.ID, got)
		}
		mime := "Received: id " + ids[i] + "\r\n\tfor <" + s.Recipients[i].To.String() + ">\r\nFrom: ann@customer.test\r\n\r\n\"hi\"\\\t\x01 ü\r\n"
		if got["mime"] != mime {
			t.Errorf("%q", got["mime"])
		}
	}
	first := properties(t, b.got[0])
	delete(first, "message-id")
	delete(first, "mime")
	text, _ := json.Marshal(first)
	want := `{"checks":[{"spf":"pass"}],"connection":{"local-ip":"198.51.100.7","local-port":25,"remote-ip":"203.0.113.20",` +
		`"remote-port":48211,"secure":true,"user":"shop"},"dsn":{"notify":"NEVER","orcpt":"x@y.test"},"envelope":"ann@customer.test",` +
		`"hostname":"in1.relay.test","ips":["198.51.100.7"],"received":"2031-05-04 09:12:44","recipient":"desk@shop.test","tags":["1"]}`
	if string(text) != want {
		t.Errorf("%s", text)
	}
	third := properties(t, b.got[2])
	if third["report"] != true || fmt.Sprint(third["reported"]) != "map[kind:dsn]" || first["report"] != nil {
		t.Errorf("%v", third)
	}
}

func TestRolesWithoutAQueueOfTheirOwn(t *testing.T) {
	d, b := newDoor(Options{})
	s := Submission{Source: []byte("a: b\r\n\r\n"), Origin: conn, Received: now, Recipients: rcpts(t, "a@b.test", "c@d.test")}
	s.Recipients[0].Role, s.Recipients[1].Role = Local, Reports
	if _, err := d.Accept(t.Context(), s); err != nil || b.got[0].Queue != "inbox" || b.got[1].Queue != "inbox" {
		t.Error(err, b.got)
	}
	if d.Has(Local) || d.Has(Reports) || d.Has(Refused) || !d.Has(Inbox) {
		t.Error("Has")
	}
}

func TestHeadersBecomeProperties(t *testing.T) {
	for _, c := range []struct{ headers, want string }{
		{"From: x@y.test\nx-mq-ip: 198.51.100.8\nx-mq-retries: 300,900\nx-mq-order: 4411", `{"ips":["198.51.100.8"],"order":"4411","retries":[300,900]}`},
		{"X-MQ-IP: 2001:DB8::1\nx-mq-ip: ::ffff:192.0.2.1\nx-mq-ip: nonsense", `{"ips":["2001:db8::1","192.0.2.1"]}`},
		{"x-mq-pool: bulk\nx-mq-tag: a\nx-mq-tag: \"b\"", `{"pool":"bulk","tags":["a","\"b\""]}`},
		{"x-mq-delayed: 2031-05-04 10:00:00\nx-mq-maxdelivertime: 2031-05-05T10:00:00+02:00", `{"delayed":"2031-05-04 10:00:00","maxdelivertime":"2031-05-05 08:00:00"}`},
		{"x-mq-delayed: tomorrow\nx-mq-maxdelivertime: 2031-13-01 00:00:00", `{}`},
		{"x-mq-maxattempts: 3\nx-mq-maxattempts: 4\nx-mq-priority: 256\nx-mq-priority: 9", `{"maxattempts":3,"priority":9}`},
		{"x-mq-retries: 300,-1\nx-mq-retries: 1e9\nx-mq-retries: ,\nx-mq-retries: 1, 2", `{"retries":[1,2]}`},
		{"x-mq-maxattempts: -1\nx-mq-maxattempts: 99999999999999999999", `{}`},
		{"x-mq-inlinecss: 1\nx-mq-keepmime: TRUE\nx-mq-force: 0", `{"force":false,"inlinecss":true,"keepmime":true}`},
		{"x-mq-inlinecss: perhaps", `{}`},
		{"x-mq-results-queue: r\nx-mq-failure-queue: f\nx-mq-success-queue: s\nx-mq-retry-queue: t\nx-mq-dsn-queue: d\nx-mq-success-queue: second",
			`{"queues":{"dsn":"d","failure":"f","results":"r","retry":"t","success":"s"}}`},
		{"x-mq-smarthost-name: a.test\nx-mq-smarthost-hostname: b.test\nx-mq-smarthost-port: 587\nx-mq-smarthost-username: u\nx-mq-smarthost-password: p",
			`{"smarthost":{"hostname":"b.test","name":"a.test","password":"p","port":587,"username":"u"}}`},
		{"x-mq-smarthost-port: 65536", `{}`},
		{"x-mq-security: Verified", `{"security":"verified"}`},
		{"x-mq-security: none", `{}`},
		{"x-mq-dsn-notify: FAILURE, DELAY\nx-mq-dsn-ret: FULL\nx-mq-dsn-orcpt: a@b.test\nx-mq-dsn-envid: e 1",
			`{"dsn":{"envid":"e 1","notify":"FAILURE, DELAY","orcpt":"a@b.test","ret":"FULL"}}`},
		{"x-mq-campaign-id: 9\nX-MQ-Campaign-ID: 10\nx-mq-one : folded\n  value", `{"campaign-id":["9","10"],"one":"folded  value"}`},
		{"x-mq-odd\"name\\: a", `{"odd\"name\\":"a"}`},
		{"x-mq-mime: x\nx-mq-mime-encoding: base64\nx-mq-key: x\nx-mq-results: x\nx-mq-domain: x\nx-mq-forcedip: x\nx-mq-seen: x\nx-mq-message-id: x", `{}`},
		{"x-mq-received: x\nx-mq-hostname: x\nx-mq-connection: x\nx-mq-spool: x\nx-mq-cli: x\nx-mq-http: x\nx-mq-checks: x\nx-mq-report: x", `{}`},
		{"x-mq-reported: x\nx-mq-extracted: x\nx-mq-nextattempt: x\nx-mq-data: x\nx-mq-dkim: x\nx-mq-dsn: x\nx-mq-queues: x\nx-mq-smarthost: x", `{}`},
		{"x-mq-headers: x\nx-mq-ips: x\nx-mq-tags: x\nx-mq-recipient: x@y.test\nx-mq-: x", `{}`},
	} {
		d, b := newDoor(Options{})
		source := strings.ReplaceAll(c.headers, "\n", "\r\n") + "\r\n\r\nx-mq-body: stays\r\n"
		s := Submission{Source: []byte(source), Extract: true, Origin: conn, Received: now, Recipients: rcpts(t, "a@b.test")}
		if _, err := d.Accept(t.Context(), s); err != nil {
			t.Fatal(c.headers, err)
		}
		got := properties(t, b.got[0])
		if mime := got["mime"].(string); strings.Contains(strings.ToLower(strings.TrimSuffix(mime, "x-mq-body: stays\r\n")), "x-mq") {
			t.Errorf("%q is still there", mime)
		}
		for _, name := range []string{"message-id", "received", "hostname", "recipient", "mime", "connection"} {
			delete(got, name)
		}
		text := &strings.Builder{}
		enc := json.NewEncoder(text)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(got); err != nil || strings.TrimSpace(text.String()) != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.headers, text, c.want)
		}
	}
}

func TestWithoutExtractionNothingIsReadOrRemoved(t *testing.T) {
	d, b := newDoor(Options{})
	source := "x-mq-envelope: other@x.test\r\nx-mq-tag: a\r\nBcc: c@d.test\r\n\r\n"
	s := Submission{From: addr(t, "me@x.test"), Source: []byte(source), Origin: conn, Received: now, Recipients: rcpts(t, "a@b.test")}
	if _, err := d.Accept(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	got := properties(t, b.got[0])
	if got["mime"] != source || got["envelope"] != "me@x.test" || got["tags"] != nil {
		t.Errorf("%v", got)
	}
}

func TestAStrangerSteersNothing(t *testing.T) {
	d, b := newDoor(Options{})
	s := Submission{From: addr(t, "me@x.test"), Source: []byte("x-mq-envelope: other@x.test\r\nx-mq-smarthost-hostname: h\r\nA: b\r\n\r\n"),
		Extract: true, Stranger: true, Origin: conn, Received: now, Recipients: rcpts(t, "a@b.test")}
	if _, err := d.Accept(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	got := properties(t, b.got[0])
	if got["mime"] != "A: b\r\n\r\n" || got["envelope"] != "me@x.test" || got["smarthost"] != nil {
		t.Errorf("%v", got)
	}
}

func TestEnvelopeByChannel(t *testing.T) {
	const all = "Return-Path: <rp@x.test>\r\nFrom: bad, From <from@x.test>\r\nSender: sender@x.test\r\n"
	const ours = "x-mq-envelope: <mq@x.test>\r\n" + all
	for _, c := range []struct {
		name    string
		origin  Origin
		from    string
		source  string
		extract bool
		want    any
	}{
		{"smtp", conn, "me@x.test", all, true, "me@x.test"},
		{"smtp null sender stays null", conn, "", all, true, nil},
		{"smtp, header", conn, "me@x.test", ours, true, "mq@x.test"},
		{"smtp, header not read", conn, "me@x.test", ours, false, "me@x.test"},
		{"smtp, bad header", conn, "me@x.test", "x-mq-envelope: nobody\r\n", true, "me@x.test"},
		{"spool", file, "", all, true, "rp@x.test"},
		{"spool, from before sender", file, "", strings.SplitN(all, "\n", 2)[1], true, "from@x.test"},
		{"spool, header", file, "", ours, true, "mq@x.test"},
		{"spool, header is plain text", file, "", ours, false, "rp@x.test"},
		{"spool, null return path", file, "", "Return-Path: <>\r\nFrom: from@x.test\r\n", true, "from@x.test"},
		{"cli", call, "", all, true, "rp@x.test"},
		{"cli, sender before from", call, "", strings.SplitN(all, "\n", 2)[1], true, "sender@x.test"},
		{"cli, option", call, "me@x.test", ours, true, "me@x.test"},
		{"cli, header", call, "", ours, true, "mq@x.test"},
		{"cli, nothing", call, "", "Subject: x\r\n", true, nil},
	} {
		d, b := newDoor(Options{})
		s := Submission{From: addr(t, c.from), Source: []byte(c.source + "\r\n"), Extract: c.extract, Origin: c.origin,
			Received: now, Recipients: rcpts(t, "a@b.test")}
		if _, err := d.Accept(t.Context(), s); err != nil {
			t.Fatal(c.name, err)
		}
		got := properties(t, b.got[0])
		if got["envelope"] != c.want {
			t.Errorf("%s: %v", c.name, got["envelope"])
		}
		if _, named := got["message-id"]; named != (c.origin == Origin(conn)) {
			t.Errorf("%s: message-id %v", c.name, got["message-id"])
		}
	}
}

func TestRecipientsOfTheHeader(t *testing.T) {
	const header = "To: a@b.test, A B <c@d.test>\r\nBcc: secret@e.test\r\nCc: a@b.test\r\nX: y\r\n"
	for _, c := range []struct {
		name    string
		origin  Origin
		given   []Recipient
		header  bool
		extract bool
		source  string
		want    string
		mime    string
	}{
		{"spool", file, nil, true, true, header, "a@b.test c@d.test secret@e.test", "To: a@b.test, A B <c@d.test>\r\nCc: a@b.test\r\nX: y\r\n\r\n"},
		{"spool, x-mq-recipient", file, nil, true, true, "x-mq-recipient: only@x.test\r\nX-mq-recipient: two@x.test\r\nBcc: secret@e.test\r\nTo: a@b.test\r\n", "only@x.test two@x.test", "To: a@b.test\r\n\r\n"},
		{"spool, x-mq-recipient not read", file, nil, true, false, "x-mq-recipient: only@x.test\r\nTo: a@b.test\r\n", "a@b.test", "x-mq-recipient: only@x.test\r\nTo: a@b.test\r\n\r\n"},
		{"cli, arguments", call, rcpts(t, "x@y.test"), false, true, header, "x@y.test", header + "\r\n"},
		{"cli, both", call, rcpts(t, "x@y.test", "c@d.test"), true, true, "To: c@d.test, z@d.test\r\n", "x@y.test c@d.test z@d.test", "To: c@d.test, z@d.test\r\n\r\n"},
	} {
		d, b := newDoor(Options{})
		s := Submission{Source: []byte(c.source + "\r\n"), HeaderRecipients: c.header, Extract: c.extract, Origin: c.origin, Received: now, Recipients: c.given}
		if _, err := d.Accept(t.Context(), s); err != nil {
			t.Fatal(c.name, err)
		}
		var got []string
		for _, p := range b.got {
			o := properties(t, p)
			got = append(got, o["recipient"].(string))
			if o["mime"] != c.mime {
				t.Errorf("%s: %q", c.name, o["mime"])
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	base := Submission{Source: []byte("To: a@b.test\r\n\r\n"), Origin: file, Received: now, HeaderRecipients: true}
	for _, c := range []struct {
		name   string
		change func(*Submission, *Options, *fakeBroker)
		code   int
		status string
	}{
		{"empty", func(s *Submission, _ *Options, _ *fakeBroker) { s.Source = nil }, 554, "5.6.0"},
		{"NUL", func(s *Submission, _ *Options, _ *fakeBroker) { s.Source = []byte("To: a@b.test\r\n\r\n\x00") }, 554, "5.6.0"},
		{"no recipient", func(s *Submission, _ *Options, _ *fakeBroker) { s.Source = []byte("X: y\r\n\r\n") }, 554, "5.5.1"},
		{"too many recipients in the header", func(s *Submission, _ *Options, _ *fakeBroker) {
			s.Source = []byte("To: " + manyAddresses(10_001, ",\r\n ") + "\r\n\r\n")
		}, 554, "5.5.3"},
		{"too many recipients of a command", func(s *Submission, _ *Options, _ *fakeBroker) {
			s.Origin, s.HeaderRecipients = call, false
			s.Recipients = rcpts(t, strings.Fields(manyAddresses(10_001, " "))...)
		}, 554, "5.5.3"},
		{"bad recipient", func(s *Submission, _ *Options, _ *fakeBroker) { s.Source = []byte("To: a@b.test, root\r\n\r\n") }, 553, "5.1.3"},
		{"too big", func(_ *Submission, o *Options, _ *fakeBroker) { o.MaxSize = 10 }, 552, "5.3.4"},
		{"header bomb", func(s *Submission, _ *Options, _ *fakeBroker) { s.Source = []byte(strings.Repeat("a: b\r\n", 100_000)) }, 554, "5.6.0"},
		{"header size", func(s *Submission, _ *Options, _ *fakeBroker) {
			s.Source = []byte("a: b\r\n" + strings.Repeat(" "+strings.Repeat("c", 5000)+"\r\n", 300))
		}, 552, "5.3.4"},
		{"loop", func(s *Submission, _ *Options, _ *fakeBroker) {
			s.Source = []byte("To: a@b.test\r\n" + strings.Repeat("received: x\r\n", 101) + "\r\n")
		}, 554, "5.4.6"},
		{"blocked", func(_ *Submission, o *Options, _ *fakeBroker) {
			o.Blocked = func() (string, bool) { return "memory alarm", true }
		}, 451, "4.3.0"},
		{"no room", func(_ *Submission, o *Options, _ *fakeBroker) { o.Room = func() error { return errors.New("full") } }, 452, "4.3.1"},
		{"broker gone", func(_ *Submission, _ *Options, b *fakeBroker) { b.err = broker.ErrClosed }, 451, "4.3.0"},
		{"queue gone", func(_ *Submission, _ *Options, b *fakeBroker) { b.err = broker.ErrUnroutable }, 451, "4.3.0"},
		{"over the broker's limit", func(_ *Submission, _ *Options, b *fakeBroker) { b.err = broker.ErrTooBig }, 552, "5.3.4"},
	} {
		s, b := base, &fakeBroker{}
		o := Options{Sender: b, Queues: Queues{Inbox: "inbox"}}
		c.change(&s, &o, b)
		_, err := New(o).Accept(t.Context(), s)
		var e *mail.Error
		if !errors.As(err, &e) || e.Code != c.code || e.Status != c.status || len(b.got) > 0 {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func manyAddresses(n int, separator string) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("a%d@b.test", i)
	}
	return strings.Join(list, separator)
}

func TestAsManyRecipientsAsMayBe(t *testing.T) {
	d, b := newDoor(Options{})
	for _, s := range []Submission{
		{Origin: call, Source: []byte("A: b\r\n\r\n"), Recipients: rcpts(t, strings.Fields(manyAddresses(10_000, " "))...)},
		{Origin: conn, Source: []byte("A: b\r\n\r\n"), Recipients: rcpts(t, strings.Fields(manyAddresses(10_001, " "))...)},
	} {
		if _, err := d.Accept(t.Context(), s); err != nil {
			t.Error(err)
		}
	}
	if len(b.got) != 20_001 {
		t.Error(len(b.got))
	}
}

// silentBroker never confirms.
type silentBroker struct{}

func (silentBroker) Send(context.Context, []broker.Publishing, broker.Done) {}

func TestABrokerThatNeverConfirmsIsNotWaitedForLong(t *testing.T) {
	d := New(Options{Sender: silentBroker{}, Queues: Queues{Inbox: "inbox"}, Wait: time.Millisecond})
	_, err := d.Accept(t.Context(), Submission{Source: []byte("a: b\r\n\r\n"), Origin: conn, Recipients: rcpts(t, "a@b.test")})
	var e *mail.Error
	if !errors.As(err, &e) || e.Code != 451 {
		t.Error(err)
	}
}

func TestLinesOfASource(t *testing.T) {
	for in, want := range map[string]string{
		"a\r\nb\r\n":      "a\r\nb\r\n",
		"a\nb\n":          "a\r\nb\r\n",
		"a\rb":            "a\r\nb",
		"a\r\r\nb":        "a\r\nb",
		"a\n\nb":          "a\r\n\r\nb",
		"a\r\n\r\n.\r\nb": "a\r\n\r\n.\r\nb",
		"\n.\n":           "\r\n.\r\n",
		"\r.\r":           "\r\n.\r\n",
		"\n\r":            "\r\n\r\n",
		"a\r\rb\r\r\n":    "a\r\n\r\nb\r\n",
		"":                "",
	} {
		if got := string(NormalLines([]byte(in))); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

// TestALongRunOfCRs: with a look ahead from every CR it would take longer than the test may.
func TestALongRunOfCRs(t *testing.T) {
	const n = 1 << 20
	run := strings.Repeat("\r", n)
	if got := NormalLines([]byte("a" + run + "b")); len(got) != 2*n+2 || bytes.Count(got, []byte("\r\n")) != n {
		t.Error(len(got))
	}
	if got := NormalLines([]byte("a" + run + "\nb")); string(got) != "a\r\nb" {
		t.Error(len(got))
	}
}

type fakeStore struct {
	got      []string
	deadline time.Time
	err      error
}

func (f *fakeStore) Put(_ context.Context, source []byte, deadline time.Time) (string, error) {
	f.got, f.deadline = append(f.got, string(source)), deadline
	return fmt.Sprint("ph-", len(f.got)), f.err
}

func TestBytesThatAreNotText(t *testing.T) {
	s := Submission{Source: []byte("Subject: \xe9\r\n\r\n\xff\r\n"), Origin: conn, Received: now, Recipients: rcpts(t, "a@b.test", "c@d.test")}
	s.Trace = func(dst []byte, r *Recipient, _ string) []byte { return append(dst, "X: "+r.To.Local+"\r\n"...) }
	d, b := newDoor(Options{})
	if _, err := d.Accept(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	got := properties(t, b.got[1])
	source, err := base64.StdEncoding.DecodeString(got["mime"].(string))
	if err != nil || got["mime-encoding"] != "base64" || string(source) != "X: c\r\n"+string(s.Source) {
		t.Errorf("%v %q %v", err, source, got)
	}
	store := &fakeStore{}
	d, b = newDoor(Options{Bodies: store})
	if _, err := d.Accept(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	got = properties(t, b.got[1])
	if got["key"] != "ph-2" || got["mime"] != nil || store.got[1] != "X: c\r\n"+string(s.Source) || !store.deadline.Equal(now.Add(24*time.Hour)) {
		t.Errorf("%v %q %v", got, store.got, store.deadline)
	}
}

// TestControlCharactersDoNotBlowTheObjectUp: each would be six bytes of JSON.
func TestControlCharactersDoNotBlowTheObjectUp(t *testing.T) {
	for _, c := range []struct {
		body   string
		base64 bool
	}{
		{strings.Repeat("\x01", 1<<20), true},
		{strings.Repeat("\x1b[0m ok", 100), false},
		{strings.Repeat("\"\\\t", 1000), false},
		{strings.Repeat("\r", 1000), false},
	} {
		d, b := newDoor(Options{})
		s := Submission{Source: []byte("A: b\r\n\r\n" + c.body), Origin: conn, Received: now, Recipients: rcpts(t, "a@b.test", "c@d.test")}
		if _, err := d.Accept(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		got := properties(t, b.got[1])
		mime, _ := got["mime"].(string)
		if _, is := got["mime-encoding"]; is != c.base64 {
			t.Errorf("%.20q: base64 is %v", c.body, is)
		}
		if c.base64 {
			text, err := base64.StdEncoding.DecodeString(mime)
			if mime = string(text); err != nil {
				t.Error(err)
			}
		}
		if want := string(NormalLines(s.Source)); mime != want || len(b.got[1].Body) > 2*len(want)+1000 {
			t.Errorf("%.20q: %.100q in %d bytes", c.body, mime, len(b.got[1].Body))
		}
	}
}

func TestTheStoreTakesEverythingWhenThePolicySaysSo(t *testing.T) {
	s := Submission{Source: []byte("x-mq-maxdelivertime: 2031-06-01 00:00:00\r\nA: b\r\n\r\n"), Extract: true, Origin: conn, Received: now, Recipients: rcpts(t, "a@b.test")}
	store := &fakeStore{}
	d, b := newDoor(Options{Bodies: store, StoreAll: true})
	if _, err := d.Accept(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if got := properties(t, b.got[0]); got["key"] != "ph-1" || store.got[0] != "A: b\r\n\r\n" || store.deadline.Month() != time.June {
		t.Errorf("%v %q %v", got, store.got, store.deadline)
	}
	store.err = errors.New("gone")
	if _, err := d.Accept(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if got := properties(t, b.got[1]); got["mime"] != "A: b\r\n\r\n" || got["key"] != nil {
		t.Errorf("%v", got)
	}
}

// A store that is away may take its whole time to say so: it is asked once for a message, and not for each recipient.
func TestAStoreThatIsAwayIsAskedOnce(t *testing.T) {
	store := &fakeStore{err: errors.New("gone")}
	d, b := newDoor(Options{Bodies: store, StoreAll: true})
	s := Submission{Source: []byte("A: b\r\n\r\n"), Origin: conn, Received: now, Recipients: rcpts(t, "a@b.test", "c@d.test", "e@f.test")}
	for range 2 {
		if _, err := d.Accept(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if got := properties(t, b.got[5]); len(store.got) != 2 || got["mime"] != "A: b\r\n\r\n" {
		t.Errorf("asked %d times, %v", len(store.got), got)
	}
}

func TestManyRecipientsGoInBatches(t *testing.T) {
	d, b := newDoor(Options{})
	var rs []Recipient
	for i := range 40 {
		rs = append(rs, Recipient{To: addr(t, fmt.Sprintf("a%d@b.test", i))})
	}
	s := Submission{Source: []byte("a: b\r\n\r\n" + strings.Repeat("x", 2<<20)), Origin: conn, Received: now, Recipients: rs}
	ids, err := d.Accept(t.Context(), s)
	if err != nil || len(ids) != 40 || len(b.got) != 40 || b.sends != 3 {
		t.Error(err, len(ids), len(b.got), b.sends)
	}
}

func TestForward(t *testing.T) {
	d, b := newDoor(Options{})
	m, err := mail.Parse([]byte(`{"recipient":"a@b.test","mime":"x","http":1,"own":null}`), mail.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Forward(t.Context(), m, HTTP{Authentication: "shop", RemoteIP: "192.0.2.1", RemotePort: 99}, now); err != nil {
		t.Fatal(err)
	}
	const want = `{"recipient":"a@b.test","mime":"x","http":{"authentication":"shop","remote-ip":"192.0.2.1","remote-port":99},"own":null,` +
		`"received":"2031-05-04 09:12:44","hostname":"in1.relay.test"}`
	if got := string(b.got[0].Body); got != want || b.got[0].Queue != "inbox" {
		t.Errorf("%s", got)
	}
}

func TestNamesAreUniqueAndShort(t *testing.T) {
	a, b := newNames(now, 1), newNames(now, 2)
	seen := map[string]bool{}
	for range 10_000 {
		for _, id := range []string{a.next(), b.next()} {
			if seen[id] || len(id) > 12 || strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyz") != "" {
				t.Fatal(id)
			}
			seen[id] = true
		}
	}
	if later := newNames(now.Add(time.Second), 1); seen[later.next()] {
		t.Error("an id comes again after a restart")
	}
}

func FuzzEscape(f *testing.F) {
	f.Add([]byte("plain text of more than eight bytes \" \\ \r\n\t\x01\x1f\x7f ü \r"))
	var all []byte
	for c := range rune(0x100) {
		all = utf8.AppendRune(all, c)
	}
	for shift := range 8 { // each byte at each place of a word, and behind the last word
		f.Add(all[shift:])
		f.Add(all[:40-shift])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		text := strings.ToValidUTF8(string(b), "?")
		var got string
		quoted := append(appendEscaped([]byte{'"'}, []byte(text)), '"')
		if err := json.Unmarshal(quoted, &got); err != nil || got != text {
			t.Fatalf("%q became %q: %v", text, quoted, err)
		}
		if n := escapedSize([][]byte{[]byte(text)}); n != len(quoted)-2 {
			t.Fatalf("%q: %d bytes, not %d", quoted, len(quoted)-2, n)
		}
	})
}

func FuzzAccept(f *testing.F) {
	f.Add([]byte("x-mq-a: b\r\nTo: c@d.test\r\n\r\nbody"))
	f.Add([]byte("To: c@d.test\nx-mq-retries: 1,2\n\n\xff"))
	f.Fuzz(func(t *testing.T, source []byte) {
		d, b := newDoor(Options{})
		_, err := d.Accept(t.Context(), Submission{Source: source, Extract: true, Origin: conn, Received: now, Recipients: rcpts(t, "a@b.test")})
		var e *mail.Error
		if err != nil && !errors.As(err, &e) {
			t.Fatal(err)
		}
		if err == nil {
			properties(t, b.got[0])
		}
	})
}

func BenchmarkAccept(b *testing.B) {
	line := strings.Repeat("All work and no play makes Jack a dull boy. ", 2)[:74] + "\r\n"
	source := []byte("From: a@b.test\r\nTo: c@d.test\r\nSubject: hello\r\nx-mq-tag: one\r\n\r\n" + strings.Repeat(line, 134))
	for _, n := range []int{1, 10} {
		b.Run(fmt.Sprint(n, " recipients"), func(b *testing.B) {
			d := New(Options{Sender: nullBroker{}, Queues: Queues{Inbox: "inbox"}})
			s := Submission{Source: source, Extract: true, Origin: conn, Received: now}
			for i := range n {
				s.Recipients = append(s.Recipients, Recipient{To: addr(b, fmt.Sprintf("a%d@b.test", i))})
			}
			b.SetBytes(int64(len(source)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Accept(context.Background(), s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type nullBroker struct{}

func (nullBroker) Send(_ context.Context, _ []broker.Publishing, done broker.Done) { done(nil) }
