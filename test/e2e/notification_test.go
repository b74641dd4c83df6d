package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/report"
	"posthoorn/internal/sink"
	"posthoorn/internal/testbed"
)

// noticeCase is a mail, and what its sender hears of it.
type noticeCase struct {
	name, to, more string
	want           string // action, status and the start of the diagnostic; empty: nothing is told
	has            string // in the notification
}

const (
	noticeSource = `"Subject: your order\r\nMessage-ID: <771@shop.test>\r\n\r\nthe body\r\n"`
	allEvents    = `,"dsn":{"notify":"SUCCESS,FAILURE, delay"}`
)

// attemptedAt are results that a mail came with, so many hours old.
func attemptedAt(hours ...int) string {
	var entries []string
	for _, h := range hours {
		at := time.Now().UTC().Add(-time.Duration(h) * time.Hour).Format(time.DateTime)
		entries = append(entries, fmt.Sprintf(`{"attempt":1,"state":"rcptto","result":"error","time":%q,"mta":"mx.notice.test","code":452,"status":"4.2.2","description":"mailbox full"}`, at))
	}
	return `,"maxdelivertime":"2100-01-01 00:00:00","results":[` + strings.Join(entries, ",") + `]`
}

var noticeCases = []noticeCase{
	{"refused", "refuse@notice.test", "", "failed 5.", "Subject: your order"},
	{"refused content", "refuse-dot@notice.test", "", "failed 5.", "Message-ID: <771@shop.test>"},
	{"whole", "refuse@notice.test", `,"dsn":{"ret":"FULL","envid":"e-771","orcpt":"rfc822;ann@alias.test"}`, "failed 5.", "the body"},
	{"no such domain", "you@nowhere.example", "", "failed 5.1.2", "does not exist"},
	{"expired", "you@notice.test", `,"maxdelivertime":"2001-01-01 00:00:00"`, "failed 5.4.7", "could not be delivered in time"},
	{"expired after an answer", "you@notice.test", attemptedAt(30) + `,"maxdelivertime":"2001-01-01 00:00:00"`, "failed 5.4.7 452 4.2.2 mailbox full", "The server mx.notice.test answered:"},
	{"too many attempts", "defer@notice.test", `,"maxattempts":1`, "failed 4.", "your order"},
	{"delayed", "defer@notice.test", allEvents + attemptedAt(5, 3), "delayed 4.", "2100"},
	{"told before", "defer@notice.test", allEvents + attemptedAt(5, 1), "", ""},
	{"not late", "defer@notice.test", allEvents, "", ""},
	{"relayed", "you@old.test", allEvents, "relayed 2.0.0", "further notice may follow"},
	{"passed on", "you@notice.test", allEvents, "", ""},
	{"success unasked", "you@old.test", "", "", ""},
	{"never", "refuse@notice.test", `,"dsn":{"notify":"NEVER"}`, "", ""},
	{"array of words", "refuse@notice.test", `,"dsn":{"notify":["DELAY","SUCCESS"]}`, "", ""},
	{"switched off", "refuse@notice.test", `,"queues":{"dsn":null}`, "", ""},
}

// What becomes of a mail is told to its sender, as he asked, once: by mail that programs and people can read.
func TestNotifications(t *testing.T) {
	zone := defaultZone + "old.test A 127.0.6.1\n"
	onBoth(t, setup{zone: zone, keys: map[string]string{"rabbitmq-dsn": "outbox", "dsn-mta": "mta.notice.test", "dsn-from": "bounces@notice.test"}}, func(t *testing.T, r *rig) {
		old := r.sinkAt("127.0.6.1", sink.Options{Without: []string{"DSN"}})
		want := 0
		for i, c := range noticeCases {
			r.publish(`{"envelope":"case%d@sender.test","recipient":%q,"mime":%s,"retries":[3600]%s}`, i, c.to, noticeSource, c.more)
			if c.want != "" {
				want++
			}
		}
		r.publish(`{"recipient":"refuse@notice.test","mime":%s%s}`, noticeSource, allEvents)
		// Notifications that cannot be delivered end there.
		r.publish(`{"envelope":"refuse@sender.test","recipient":"refuse@notice.test","mime":%s}`, noticeSource)
		const deferred = 3
		r.take("retry", deferred)
		r.take("results", len(noticeCases)-deferred+want+3) // of these two mails too, and of the one notification that nobody takes
		r.empty("results", "retry", "outbox")
		got := r.notices()
		for i, c := range noticeCases {
			checkNotice(t, c, got[fmt.Sprintf("case%d@sender.test", i)])
		}
		if len(got) != want {
			t.Errorf("%d senders were told something, want %d", len(got), want)
		}
		for _, m := range old.Messages() {
			if m.Recipients[0] != "you@old.test" {
				t.Errorf("%s", m.Source)
			}
		}
		checkPython(t, got)
	})
}

// notices are the sources of mail from nobody at the receiver, by recipient.
func (r *rig) notices() map[string][][]byte {
	list := map[string][][]byte{}
	for _, m := range r.sink.Messages() {
		if m.From == "" && m.Decision == "accepted" {
			list[m.Recipients[0]] = append(list[m.Recipients[0]], m.Source)
		}
	}
	return list
}

func checkNotice(t *testing.T, c noticeCase, sources [][]byte) {
	t.Helper()
	if c.want == "" {
		for _, source := range sources {
			t.Errorf("%s: %s", c.name, source)
		}
		return
	}
	if len(sources) != 1 {
		t.Errorf("%s: %d notifications", c.name, len(sources))
		return
	}
	told, ok := report.Recognise(sources[0], "")
	if !ok || told.Kind != report.KindDSN || len(told.Recipients) != 1 || told.ReportingMTA != "mta.notice.test" || told.MessageID != "<771@shop.test>" {
		t.Errorf("%s: read as %s:\n%s", c.name, told.JSON(), sources[0])
		return
	}
	to := told.Recipients[0]
	if got := strings.TrimSpace(to.Action + " " + to.Status + " " + to.Diagnostic); !strings.HasPrefix(got, c.want) || to.Final != c.to {
		t.Errorf("%s: %s of %s, want %s", c.name, got, to.Final, c.want)
	}
	if !strings.Contains(string(sources[0]), c.has) || !strings.Contains(string(sources[0]), "From: Mail Delivery System <bounces@notice.test>\r\n") {
		t.Errorf("%s: has no %q:\n%s", c.name, c.has, sources[0])
	}
	if whole := c.name == "whole"; whole && (told.EnvelopeID != "e-771" || to.Original != "ann@alias.test") {
		t.Errorf("%s: %s", c.name, told.JSON())
	}
}

// pythonReads prints what Python's email package finds in a notification, or the defects that it sees.
const pythonReads = `
import email, email.policy, json, sys
m = email.message_from_binary_file(sys.stdin.buffer, policy=email.policy.default)
parts = list(m.iter_parts())
defects = [str(d) for p in m.walk() for d in p.defects]
status = [dict(b.items()) for b in parts[1].get_payload()]
json.dump({"type": m.get_content_type(), "report": m.get_param("report-type"), "parts": [p.get_content_type() for p in parts],
	"defects": defects, "status": status, "text": parts[0].get_content(), "auto": m["auto-submitted"]}, sys.stdout)
`

// checkPython has another program read the notifications.
func checkPython(t *testing.T, all map[string][][]byte) {
	t.Helper()
	for to, sources := range all {
		cmd := exec.Command("python3", "-c", pythonReads)
		cmd.Stdin = strings.NewReader(string(sources[0]))
		out, err := cmd.Output()
		var read struct {
			Type, Report, Text, Auto string
			Parts, Defects           []string
			Status                   []map[string]string
		}
		if err == nil {
			err = json.Unmarshal(out, &read)
		}
		if err != nil || read.Type != "multipart/report" || read.Report != "delivery-status" || len(read.Defects) > 0 || read.Auto == "" ||
			len(read.Parts) != 3 || read.Parts[0] != "text/plain" || read.Parts[1] != "message/delivery-status" || len(read.Status) != 2 {
			t.Errorf("%s: %v: %s", to, err, out)
			continue
		}
		if read.Status[0]["Reporting-MTA"] != "dns; mta.notice.test" || read.Status[1]["Final-Recipient"] == "" || read.Status[1]["Action"] == "" ||
			read.Status[1]["Status"] == "" || !strings.Contains(read.Text, "This is the mail server mta.notice.test.") {
			t.Errorf("%s: %s", to, out)
		}
	}
}

// Notifications of a queue of their own lie there for a script; a message may name another one. Their publishings are as those of
// results.
func TestNotificationQueues(t *testing.T) {
	onBoth(t, setup{keys: map[string]string{"rabbitmq-dsn": "dsn"}}, func(t *testing.T, r *rig) {
		mine := r.queues.of("mine")
		r.queues.get(t, mine) // makes it
		const body = `{"envelope":"%s@sender.test","recipient":"refuse@notice.test","mime":"Subject: x\r\n\r\n","id":7,` +
			`"smarthost":{"hostname":"127.0.0.1","port":%s,"password":"secret"},"queues":%s}`
		r.publish(body, "dsn", r.port, `{}`)
		r.publish(body, "mine", r.port, `{"dsn":"`+mine+`"}`)
		for _, role := range []string{"dsn", "mine"} {
			o, sender := r.one(role), role+"@sender.test"
			if o.fields["envelope"] != nil || o.Recipient != sender || o.fields["id"] != nil || string(o.fields["dsn"]) != `{"notify":"NEVER"}` {
				t.Errorf("%s", o.raw)
			}
			if want := fmt.Sprintf(`{"hostname":"127.0.0.1","port":%s,"password":"secret"}`, r.port); string(o.fields["smarthost"]) != want { // it is to be sent
				t.Errorf("%s", o.raw)
			}
			if id := o.delivery.MessageId; r.queues.hasIDs() && !strings.HasSuffix(id, "-1-dsn") {
				t.Errorf("message id %q", id)
			}
			r.queues.put(t, r.queues.of("outbox"), o.raw)
			r.one("success")
			r.received(sender)
		}
		for _, o := range append(r.take("results", 4), r.take("failure", 2)...) {
			if strings.Contains(string(o.raw), "secret") {
				t.Errorf("%s", o.raw)
			}
		}
		r.empty("dsn", "outbox", "retry")
	})
}

// A real server understands what is passed on to it, and tells what we do not; and it takes what we tell.
func TestNotificationsAndPostfix(t *testing.T) {
	t.Parallel()
	postfix := testbed.Postfix(t)
	_, port, err := net.SplitHostPort(postfix.Addr())
	if err != nil {
		t.Fatal(err)
	}
	onEmbedded(t, setup{keys: map[string]string{"rabbitmq-dsn": "outbox"}}, func(t *testing.T, r *rig) {
		publish := func(to, dsn, more string) {
			r.publish(`{"envelope":"me@sender.test","recipient":%q,"mime":"From: me@sender.test\r\nSubject: x\r\n\r\nbody\r\n","smarthost":{"hostname":"127.0.0.1","port":%s},"dsn":%s%s}`, to, port, dsn, more)
		}
		publish("known@far.test", `{"notify":"SUCCESS","envid":"mail 7+7=14","orcpt":"utf-8;jürgen@alias.test"}`, "")
		publish("odd@far.test", `{"notify":"SUCCESS, FAILURE,NOW","ret":"whatever","envid":"grüße\r\n","orcpt":"no address\u0007"}`, "")
		publish("late@far.test", `{}`, `,"maxdelivertime":"2001-01-01 00:00:00"`)
		for _, o := range r.take("success", 3) {
			if l := o.last(); l.DSN == nil || !*l.DSN {
				t.Errorf("%s", o.raw)
			}
		}
		got := map[string]report.Recipient{}
		ids := map[string]string{}
		for _, m := range postfix.Wait(t, 5) {
			if told, ok := report.Recognise(m.Data, ""); ok && m.Sender == "" && len(told.Recipients) == 1 {
				got[told.Recipients[0].Final], ids[told.Recipients[0].Final] = told.Recipients[0], told.EnvelopeID
			}
		}
		for to, want := range map[string][3]string{
			"known@far.test": {"delivered", "jürgen@alias.test", "mail 7+7=14"},
			"odd@far.test":   {"delivered", "odd@far.test", ""}, // what Postfix adds itself
			"late@far.test":  {"failed", "", ""},
		} {
			if g := got[to]; g.Action != want[0] || g.Original != want[1] || ids[to] != want[2] {
				t.Errorf("%s: %+v, envelope id %q, want %q", to, g, ids[to], want)
			}
		}
	})
}

// A sender hears of his 8-bit mail though his server takes no 8-bit: the whole mail comes back, re-encoded (RFC 6522 section 3).
func TestNotificationsWithout8BitMIME(t *testing.T) {
	t.Parallel()
	zone := defaultZone + "seven.test A 127.0.6.2\n"
	onEmbedded(t, setup{zone: zone, keys: map[string]string{"rabbitmq-dsn": "outbox", "dsn-ret": "FULL"}}, func(t *testing.T, r *rig) {
		seven := r.sinkAt("127.0.6.2", sink.Options{Without: []string{"8BITMIME", "SMTPUTF8"}})
		for name, source := range map[string]string{
			"text":    `Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGrüße\r\n`,
			"subject": `Subject: Grüße\r\n\r\nbody\r\n`,
		} {
			r.publish(`{"envelope":"%s@seven.test","recipient":"refuse@notice.test","mime":"%s"}`, name, source)
		}
		r.take("success", 2) // the notifications
		for _, m := range seven.Messages() {
			told, ok := report.Recognise(m.Source, "")
			if !ok || told.Kind != report.KindDSN || !strings.Contains(string(m.Source), "Gr=C3=BC=C3=9Fe") || strings.ContainsFunc(string(m.Source), func(r rune) bool { return r > 127 }) {
				t.Errorf("%s", m.Source)
			}
		}
		r.empty("retry", "outbox")
	})
}

// Whoever has his result has his notification, however often the daemon is killed in between; on the embedded queue exactly one.
func TestKillWhileNotifying(t *testing.T) {
	const n = 400
	few := map[string]string{"rabbitmq-dsn": "dsn", "smtp-connections-out": "4"} // so that it takes a while
	onBoth(t, setup{keys: few, sink: sink.Options{Latency: 20 * time.Millisecond}}, func(t *testing.T, r *rig) {
		kill := r.killable()
		var lines []string
		for i := range n {
			lines = append(lines, fmt.Sprintf(`{"id":%d,"envelope":"%d@sender.test","recipient":"refuse@load%d.test","mime":"Subject: %d\r\n\r\nbody\r\n"}`, i, i, i%5, i))
		}
		r.publish("%s", strings.Join(lines, "\n"))
		results, notices := map[string]int{}, map[string]int{}
		read := func() {
			for _, p := range r.queues.get(t, r.queues.of("results")) {
				results[parse(t, p).Envelope]++
			}
			for _, p := range r.queues.get(t, r.queues.of("dsn")) {
				notices[parse(t, p).Recipient]++
			}
		}
		var at []int64
		for range 3 {
			before := r.sink.Stats().Refused
			eventually(t, "some are refused", func() bool { return r.sink.Stats().Refused > min(before+n/8, n-1) })
			kill()
			at = append(at, r.sink.Stats().Refused)
			kill = r.killable()
		}
		if at[0] >= n {
			t.Errorf("killed at %v: that says nothing", at)
		}
		eventually(t, "all have their results and notifications", func() bool { read(); return len(results) == n && len(notices) == n })
		again := 0
		for sender, times := range notices {
			if again += times - 1; r.broker == "" && times != results[sender] {
				t.Errorf("%s has %d results and %d notifications", sender, results[sender], times)
			}
		}
		t.Logf("%d of %d notifications came again, killed at %v", again, n, at)
	})
}

// A delay may be told again where the daemon is killed before it has written down that it was told; then both have the same names, by
// which programs and mailboxes can know.
func TestKillWhileTellingDelays(t *testing.T) {
	const n = 300
	t.Parallel()
	onRabbit(t, setup{keys: map[string]string{"rabbitmq-dsn": "dsn"}, sink: sink.Options{Latency: 20 * time.Millisecond}}, func(t *testing.T, r *rig) {
		kill := r.killable()
		due := time.Now().UTC().Add(3 * time.Second).Format(time.DateTime)
		var lines []string
		for i := range n {
			lines = append(lines, fmt.Sprintf(`{"envelope":"%d@sender.test","recipient":"defer@load%d.test","mime":"Subject: x\r\n\r\n","delayed":%q,"retries":[3600]%s}`,
				i, i%5, due, allEvents+attemptedAt(5, 3)))
		}
		r.publish("%s", strings.Join(lines, "\n"))
		told, names := map[string]int{}, map[string]map[string]bool{}
		read := func() bool {
			for _, p := range r.queues.get(t, r.queues.of("dsn")) {
				o := parse(t, p)
				_, after, _ := strings.Cut(*o.Mime, "\r\nMessage-ID: ")
				id, _, _ := strings.Cut(after, "\r\n")
				if told[o.Recipient]++; names[o.Recipient] == nil {
					names[o.Recipient] = map[string]bool{}
				}
				names[o.Recipient][id+" "+o.delivery.MessageId] = true
			}
			return len(told) == n
		}
		for range 2 {
			before := r.sink.Stats().Deferred
			eventually(t, "some are put off", func() bool { return r.sink.Stats().Deferred > min(before+n/8, n-1) })
			kill()
			kill = r.killable()
		}
		eventually(t, "all senders are told", read)
		again := 0
		for sender, times := range told {
			if again += times - 1; len(names[sender]) != 1 {
				t.Errorf("%s is told by %v", sender, names[sender])
			}
		}
		t.Logf("%d of %d notifications came again", again, n)
	})
}

// What SMTP clients ask for by parameters or headers holds for each recipient; the headers count more.
func TestNotificationsOfReceivedMail(t *testing.T) {
	onBoth(t, setup{keys: map[string]string{"rabbitmq-dsn": "dsn"}}, func(t *testing.T, r *rig) {
		send := func(headers string, rcpts ...string) {
			lines := []string{"EHLO client.test", "250", "MAIL FROM:<me@sender.test> RET=FULL ENVID=a+2Bb", "250"}
			for _, rcpt := range rcpts {
				lines = append(lines, "RCPT TO:"+rcpt, "250")
			}
			r.dialogue(append(lines, "DATA", "354", headers+"Subject: x\r\n\r\nthe body\r\n.", "250", "QUIT", "221")...)
		}
		send("", "<refuse@one.test> NOTIFY=DELAY,FAILURE ORCPT=rfc822;ann+2B1@alias.test", "<refuse@two.test> NOTIFY=NEVER", "<refuse@three.test>")
		send("x-mq-dsn-notify: SUCCESS, FAILURE\r\nx-mq-dsn-envid: mine\r\nx-mq-dsn-ret: HDRS\r\n", "<refuse@four.test> NOTIFY=NEVER")
		send("x-mq-dsn-notify: never\r\n", "<refuse@five.test> NOTIFY=FAILURE")
		r.take("results", 5)
		got := map[string]string{}
		for _, o := range r.take("dsn", 3) {
			told, ok := report.Recognise([]byte(*o.Mime), "")
			if !ok || len(told.Recipients) != 1 {
				t.Fatalf("%s", o.raw)
			}
			whole := strings.Contains(*o.Mime, "the body")
			got[told.Recipients[0].Final] = fmt.Sprint(told.Recipients[0].Original, " ", told.EnvelopeID, " ", whole, " ", strings.Contains(*o.Mime, "Arrival-Date:"))
		}
		for to, want := range map[string]string{"refuse@one.test": "ann+1@alias.test a+b true true", "refuse@three.test": " a+b true true", "refuse@four.test": " mine false true"} {
			if got[to] != want {
				t.Errorf("%s: %q, want %q", to, got[to], want)
			}
		}
		r.empty("dsn")
	})
}
