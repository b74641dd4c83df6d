package outbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/localqueue"
	"posthoorn/internal/mail"
	"posthoorn/internal/prepare"
	"posthoorn/internal/report"
	"posthoorn/internal/settle"

	"github.com/cockroachdb/pebble/v2/vfs"
	dto "github.com/prometheus/client_model/go"
)

// notified is a message in the queue of notifications.
type notified struct {
	raw       string
	Envelope  *string
	Recipient string
	Mime      string
	DSN       mail.DSN
	reported  report.Reported
}

// notifications takes n of them from a queue.
func (r *rig) notifications(queue string, n int) (list []notified) {
	r.t.Helper()
	soon(r.t, fmt.Sprintf("%d notifications in %s", n, queue), func() bool {
		for _, taken := range r.store.Take(queue, 100, nil) {
			o := notified{raw: string(taken.Body)}
			if err := json.Unmarshal(taken.Body, &o); err != nil {
				r.t.Fatal(err)
			}
			var ok bool
			if o.reported, ok = report.Recognise([]byte(o.Mime), ""); !ok || o.reported.Kind != report.KindDSN || len(o.reported.Recipients) != 1 {
				r.t.Fatalf("is no notification: %s", o.Mime)
			}
			list = append(list, o)
		}
		return len(list) >= n
	})
	if len(list) != n {
		r.t.Fatalf("%d notifications, want %d", len(list), n)
	}
	return list
}

func (r *rig) none(queue string) {
	r.t.Helper()
	soon(r.t, "nothing is in hand", func() bool { return r.engine.inHand.Load() == 0 })
	if ready, _ := r.store.Len(queue); ready != 0 {
		r.t.Errorf("%d in %s: %s", ready, queue, r.store.Take(queue, 1, nil)[0].Body)
	}
}

// counted is how many notifications the metrics know of an event.
func (r *rig) counted(event string) float64 {
	r.t.Helper()
	var m dto.Metric
	if err := r.engine.metrics.notices.WithLabelValues(event).Write(&m); err != nil {
		r.t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

// notifying has notifications on; nil is no store.
func notifying(b *keptBodies) func(*Options) {
	return func(o *Options) {
		o.Queues.DSN = "dsn"
		o.Notices = Notices{MTA: "mta.test", From: "bounces@mta.test"}
		if b != nil {
			o.Bodies, o.Prepare = b, prepare.New(prepare.Options{Bodies: b})
		}
	}
}

// picky refuses or puts off who is called so, and takes the rest; it has no DSN.
func picky(verb, line string) string {
	switch {
	case verb == "RCPT" && strings.Contains(line, "refuse"):
		return "550 5.1.1 no such user"
	case verb == "RCPT" && strings.Contains(line, "defer"):
		return "450 4.2.0 come again"
	}
	return ""
}

func ago(d time.Duration) string { return time.Now().UTC().Add(-d).Format(time.DateTime) }

// Each event and each way to fail has its notification, or none.
func TestNotifications(t *testing.T) {
	const me = `"envelope":"me@sender.test",`
	const content = `"mime":"Subject: hello\r\nMessage-ID: <1@sender.test>\r\n\r\nbody\r\n"`
	const all = `,"dsn":{"notify":"FAILURE, delay,SUCCESS"}`
	old := func(hours ...int) string {
		var entries []string
		for _, h := range hours {
			entries = append(entries, fmt.Sprintf(`{"time":%q,"state":"rcptto","result":"error","mta":"mx.receiver.test","code":450,"description":"come again"}`, ago(time.Duration(h)*time.Hour)))
		}
		return `,"maxdelivertime":"2100-01-01 00:00:00","results":[` + strings.Join(entries, ",") + `]`
	}
	b := &keptBodies{bodies: map[string]string{"own": "Subject: stored\r\nMessage-ID: <2@sender.test>\r\n\r\nbody\r\n"}}
	peer := newReceiver(t, picky)
	r := newRig(t, peer.port(), notifying(b))
	for _, c := range []struct{ name, body, want, has string }{
		{"refused", me + `"recipient":"refuse@receiver.test",` + content, "failed 5.1.1 550 5.1.1 no such user", "Subject: hello\r\nMessage-ID: <1@sender.test>\r\n\r\n--"},
		{"refused, whole", me + `"recipient":"refuse@receiver.test",` + content + `,"dsn":{"ret":"full","envid":"e-1","orcpt":"rfc822;old@x.test"}`, "failed 5.1.1 550 5.1.1 no such user", "\r\n\r\nbody\r\n"},
		{"no such domain", me + `"recipient":"you@nowhere.test",` + content, "failed 5.1.2", "Subject: hello"},
		{"expired", me + `"recipient":"you@receiver.test",` + content + `,"maxdelivertime":"2001-01-01 00:00:00"`, "failed 5.4.7", "could not be delivered in time"},
		{"expired after an attempt", me + `"recipient":"you@receiver.test",` + content + old(9) + `,"maxdelivertime":"2001-01-01 00:00:00"`, "failed 5.4.7 450 come again", "The server mx.receiver.test answered:"},
		{"no address", me + `"recipient":"you@receiver.test",` + content + `,"ips":["192.0.2.1"]`, "failed 5.3.5", "cannot be used"},
		{"no recipient", me + `"recipient":"you at\r\nx",` + content, "failed 5.1.3", "you at x"},
		{"no content", me + `"recipient":"you@receiver.test"`, "failed 5.6.5", "could not be put together"},
		{"personalised", me + `"recipient":"refuse@receiver.test","mime":"Subject: Dear {$name}\r\n\r\nx","data":{"name":"Ann"}`, "failed 5.1.1 550 5.1.1 no such user", "Subject: Dear Ann"},
		{"personalised, not tried", me + `"recipient":"you@nowhere.test","mime":"Subject: Dear {$name}\r\n\r\nx","data":{"name":"Ann"}`, "failed 5.1.2", "Subject: Dear Ann"},
		{"personalisation fails", me + `"recipient":"you@nowhere.test","mime":"Subject: Dear {$name\r\n\r\nx","data":{"name":"Ann"}`, "failed 5.1.2", "Subject: Dear {$name"},
		{"document", me + `"recipient":"you@nowhere.test","mime":{"subject":"my document","from":"me@sender.test","text":"x"}`, "failed 5.1.2", "Subject: my document"},
		{"bad document", me + `"recipient":"you@receiver.test","mime":{"subject":"my document","from":"no address"}`, "failed 5.6.5", "Subject: my document"},
		{"base64", me + `"recipient":"refuse@receiver.test","mime-encoding":"base64","mime":"U3ViamVjdDogeA0KDQpib2R5DQo="`, "failed 5.1.1 550 5.1.1 no such user", "Subject: x"},
		{"bad base64", me + `"recipient":"you@receiver.test","mime-encoding":"base64","mime":"U3ViamVjdDogeA0K?"`, "failed 5.6.0", "Subject: x"},
		{"stored", me + `"recipient":"refuse@receiver.test","key":"own","keepmime":true`, "failed 5.1.1 550 5.1.1 no such user", "Subject: stored"},
		{"stored, not tried", me + `"recipient":"you@nowhere.test","key":"own","keepmime":true`, "failed 5.1.2", "Subject: stored"},
		{"stored, cannot be made", me + `"recipient":"you@nowhere.test","key":"own","keepmime":true,"headers":{"insert":{"a b":"x"}}`, "failed 5.1.2", "Subject: stored"},
		{"stored, gone", me + `"recipient":"you@nowhere.test","key":"gone","keepmime":true`, "failed 5.1.2", "not be tried again.\r\n"},
		{"relayed", me + `"recipient":"you@receiver.test",` + content + all, "relayed 2.0.0 250 2.0.0 taken", "Subject: hello"},
		{"success, not asked for", me + `"recipient":"you@receiver.test",` + content, "", ""},
		{"failure, not asked for", me + `"recipient":"refuse@receiver.test",` + content + `,"dsn":{"notify":["SUCCESS","DELAY"]}`, "", ""},
		{"never", me + `"recipient":"refuse@receiver.test",` + content + `,"dsn":{"notify":["NEVER","FAILURE"]}`, "", ""},
		{"no sender", `"recipient":"refuse@receiver.test",` + content + all, "", ""},
		{"null sender", `"envelope":"<>","recipient":"refuse@receiver.test",` + content + all, "", ""},
		{"bad sender", `"envelope":"me","recipient":"refuse@receiver.test",` + content + all, "", ""},
		{"no queue", me + `"recipient":"refuse@receiver.test",` + content + `,"queues":{"dsn":null}`, "", ""},
		{"put off", me + `"recipient":"defer@receiver.test",` + content + all, "", ""},
		{"put off for 3 hours", me + `"recipient":"defer@receiver.test",` + content + all + old(3, 2), "", ""},
		{"put off for 4 hours", me + `"recipient":"defer@receiver.test",` + content + all + old(4, 3), "delayed 4.2.0 450 4.2.0 come again", "It will be tried again until 1 January 2100"},
		{"put off for 9 hours", me + `"recipient":"defer@receiver.test",` + content + all + old(9, 5, 3), "", ""},
		{"put off for 9 hours, by another's count", me + `"recipient":"defer@receiver.test",` + content + all + `,"results":[{"time":7},0,null,{"time":"x"}]`, "", ""},
		{"put off, not asked for", me + `"recipient":"defer@receiver.test",` + content + old(4, 3), "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := *r
			r.t = t
			r.publish("{%s}", c.body)
			soon(t, "it is taken", func() bool { n, _ := r.store.Len("outbox"); return n == 0 })
			soon(t, "it has its result", func() (ended bool) {
				for _, queue := range []string{"failure", "success", "retry"} {
					ended = len(r.store.Take(queue, 10, nil)) > 0 || ended
				}
				return ended
			})
			if c.want == "" {
				r.none("dsn")
				return
			}
			n := r.notifications("dsn", 1)[0]
			to := n.reported.Recipients[0]
			if got := strings.TrimSpace(to.Action + " " + to.Status + " " + to.Diagnostic); !strings.HasPrefix(got, c.want) {
				t.Errorf("%s, want %s", got, c.want)
			}
			if n.Recipient != "me@sender.test" || n.Envelope != nil || n.DSN.Notify != "NEVER" || !strings.Contains(n.Mime, c.has) {
				t.Errorf("%s\nhas no %q", n.raw, c.has)
			}
			if !strings.Contains(n.Mime, "Reporting-MTA: dns; mta.test\r\n") || !strings.Contains(n.Mime, "From: Mail Delivery System <bounces@mta.test>\r\n") {
				t.Errorf("%s", n.Mime)
			}
			if whole := c.name == "refused, whole"; whole && (n.reported.EnvelopeID != "e-1" || to.Original != "old@x.test" || strings.Contains(n.Mime, "rfc822-headers")) {
				t.Errorf("%s", n.Mime)
			}
		})
	}
	if n := r.counted("delay"); n != 1 {
		t.Errorf("%v delays counted", n)
	}
	soon(t, "all memory is given back", func() bool { return r.engine.bytes.Load() == 0 })
}

// A message names its own queue; notifications take the way of their mail and nothing else of it; what is secret stays in them, as
// they are mail to be sent, and is in no result of theirs.
func TestNotificationOnItsWay(t *testing.T) {
	peer := newReceiver(t, picky)
	r := newRig(t, peer.port(), func(o *Options) { o.Notices.MTA = "mta.test" })
	r.publish(`{"envelope":"me@sender.test","recipient":"refuse@nowhere.test","mime":"x","own":1,"tags":["a"],"priority":7,"ips":["127.0.0.1"],`+
		`"smarthost":{"hostname":"receiver.test","port":%d,"password":"secret"},"dsn":{"notify":"FAILURE"},"queues":{"dsn":"mine","results":"theirs"}}`, peer.port())
	n := r.notifications("mine", 1)[0]
	var o map[string]json.RawMessage
	if err := json.Unmarshal([]byte(n.raw), &o); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"ips": `["127.0.0.1"]`, "dsn": `{"notify":"NEVER"}`, "recipient": `"me@sender.test"`, "mime": string(o["mime"]),
		"smarthost": fmt.Sprintf(`{"hostname":"receiver.test","port":%d,"password":"secret"}`, peer.port())} {
		if string(o[name]) != want {
			t.Errorf("%s: %s", name, o[name])
		}
		delete(o, name)
	}
	if len(o) > 0 {
		t.Errorf("more than its own: %v", o)
	}
	r.read("theirs", 1)
	r.publish("%s", n.raw)
	for _, taken := range r.store.Take("failure", 10, nil) {
		if strings.Contains(string(taken.Body), "secret") {
			t.Errorf("%s", taken.Body)
		}
	}
	r.read("success", 1)
	all := peer.all() // the first of them is but the dot that ends what was refused
	if m := all[len(all)-1]; m.from != "MAIL FROM:<>" || m.to != "RCPT TO:<me@sender.test>" || !strings.Contains(m.data, "Final-Recipient: rfc822;refuse@nowhere.test") {
		t.Errorf("%+v", m)
	}
	for _, taken := range r.store.Take("results", 10, nil) {
		if strings.Contains(string(taken.Body), "secret") {
			t.Errorf("%s", taken.Body)
		}
	}
}

// A notification that cannot be delivered makes no other: with the outbox as their queue too, all comes to an end.
func TestNoNotificationOfANotification(t *testing.T) {
	peer := newReceiver(t, picky)
	r := newRig(t, peer.port(), func(o *Options) { notifying(nil)(o); o.Queues.DSN = "outbox" })
	r.publish(`{"envelope":"refuse@receiver.test","recipient":"refuse2@receiver.test","mime":"x"}`)
	for _, o := range r.read("failure", 2) {
		if o.last().Code != 550 {
			t.Errorf("%+v", o)
		}
	}
	r.none("outbox")
	if n := r.counted("failure"); n != 1 {
		t.Errorf("%v notifications", n)
	}
}

// An operator's fail tells the senders, also where the mail has to be loaded for that.
func TestNotificationOfForcedFailures(t *testing.T) {
	b := &keptBodies{bodies: map[string]string{"own": "Subject: stored\r\n\r\nbody\r\n"}}
	r := newRig(t, newReceiver(t, nil).port(), notifying(b))
	const later = `"envelope":"me@sender.test","recipient":"a@receiver.test","delayed":"2100-01-01 00:00:00","maxdelivertime":"2100-01-02 00:00:00"`
	r.publish(`{%s,"mime":"Subject: stored\n\n"}`, later)
	r.publish(`{%s,"key":"own"}`, later)
	soon(t, "both wait", func() bool { return r.store.WaitingCount() == 2 && r.engine.inHand.Load() == 0 })
	if n, err := r.engine.Fail(t.Context(), "receiver.test", "moved away", nil); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	for _, n := range r.notifications("dsn", 2) {
		if to := n.reported.Recipients[0]; to.Status != "5.3.0" || !strings.Contains(n.Mime, "moved away") || !strings.Contains(n.Mime, "Subject: stored") {
			t.Errorf("%s", n.Mime)
		}
	}
}

// A stop does not wait for a store: then there is the result, and a notification with nothing of the mail.
func TestStopWhileANotificationIsMade(t *testing.T) {
	fs := vfs.NewMem()
	t.Run("until the stop", func(t *testing.T) {
		b := newSlowBodies()
		r := newRigOn(t, openStore(t, fs), 1, func(o *Options) { notifying(nil)(o); b.loading(o) })
		r.publish(`{"envelope":"me@sender.test","recipient":"you@nowhere.test","key":"slow"}`)
		soon(t, "it is being loaded", func() bool { return b.began.Load() == 1 })
	})
	store := openStore(t, fs)
	for _, queue := range []string{"results", "failure", "dsn"} {
		if ready, _ := store.Len(queue); ready != 1 {
			t.Errorf("%d in %s", ready, queue)
		}
	}
	if n := store.Take("dsn", 1, nil)[0]; strings.Contains(string(n.Body), "rfc822-headers") || !strings.Contains(string(n.Body), "Action: failed") {
		t.Errorf("%s", n.Body)
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}

// A store that does not answer holds up nobody but its own mail.
func TestNotificationWhileTheStoreIsSlow(t *testing.T) {
	b, peer := newSlowBodies(), newReceiver(t, picky)
	r := newRig(t, peer.port(), func(o *Options) { notifying(nil)(o); b.loading(o) })
	r.publish(`{"envelope":"me@sender.test","recipient":"you@nowhere.test","key":"slow"}`)
	soon(t, "it is being loaded", func() bool { return b.began.Load() == 1 })
	for range 20 {
		r.publish(`{"envelope":"me@sender.test","recipient":"refuse@receiver.test","mime":"x"}`)
	}
	r.notifications("dsn", 20)
	r.read("failure", 20)
	close(b.opened)
	if n := r.notifications("dsn", 1)[0]; !strings.Contains(n.Mime, "Subject: slow") {
		t.Errorf("%s", n.Mime)
	}
}

// Failed mail whose store does not answer leaves room for other mail.
func TestNotificationsLeaveRoomWhileTheStoreIsSlow(t *testing.T) {
	const credit = 4
	b, peer := newSlowBodies(), newReceiver(t, picky)
	r := newRig(t, peer.port(), func(o *Options) { notifying(nil)(o); b.loading(o); o.Credit = credit })
	for i := range 2 * credit {
		r.publish(`{"envelope":"me@sender.test","recipient":"you@nowhere.test","key":"slow","id":%d}`, i)
	}
	soon(t, "they are being loaded", func() bool { return b.began.Load() >= credit })
	r.publish(`{"recipient":"you@receiver.test","mime":"x"}`)
	r.read("success", 1)
	if n := r.engine.inHand.Load(); n == 0 {
		t.Error("none has waited for long")
	}
	close(b.opened)
	r.notifications("dsn", 2*credit)
}

// A message that ends the whole process is not made once more for its notification.
func TestNotificationOfWhatCannotBeHandled(t *testing.T) {
	b, works := newSlowBodies(), atomic.Pointer[settle.Work]{}
	r := newRig(t, 1, func(o *Options) {
		notifying(nil)(o)
		b.loading(o)
		o.Settler = &spy{Settler: settled{o.Settler}, seen: &works}
	})
	body := []byte(`{"envelope":"me@sender.test","recipient":"you@receiver.test","key":"slow"}`)
	it := &item{identity: identify(body), body: body}
	r.engine.careful.culprit = it.identity[:]
	r.engine.hold(it)
	r.engine.careful.handle(it)
	soon(t, "it is settled", func() bool { return r.engine.inHand.Load() == 0 })
	if w := works.Load(); len(w.Publish) != 3 || !strings.Contains(string(w.Publish[2].Body), "5.3.0") {
		t.Errorf("%+v", w.Publish)
	}
	if b.began.Load() > 0 {
		t.Error("its content was made again")
	}
}

// settled makes nothing durable.
type settled struct{ Settler }

func (settled) Settle(w settle.Work) { w.Settled(nil) }

// What the ledger has of an outcome is published again with its notification, under the same name.
func TestNotificationIsPartOfTheOutcome(t *testing.T) {
	peer := newReceiver(t, picky)
	var works atomic.Pointer[settle.Work]
	r, _ := newRemoteRig(t, peer.port(), func(o *Options) {
		notifying(nil)(o)
		o.Settler = &spy{Settler: o.Settler, seen: &works}
	})
	r.publish(`{"envelope":"me@sender.test","recipient":"refuse@receiver.test","mime":"x","priority":3}`)
	soon(t, "it is settled", func() bool { return works.Load() != nil })
	w := works.Load()
	if len(w.Publish) != 3 {
		t.Fatalf("%+v", w.Publish)
	}
	p := w.Publish[2]
	if p.Queue != "dsn" || !p.Whole || p.Priority != 0 || p.ID != w.Publish[0].ID+"-dsn" || p.Override {
		t.Errorf("%+v", p)
	}
	again, err := settle.Decode(settle.Encode(w.Publish))
	if err != nil || string(again[2].Body) != string(p.Body) || !again[2].Whole {
		t.Errorf("%+v, %v", again, err)
	}
}

// A delay is told again if we end, or the disk fails, between the telling and the writing down of it. Then both have the same names, so
// that programs and mailboxes can know.
func TestNotificationThatComesAgain(t *testing.T) {
	var ids func() []string
	r, _ := newRemoteRig(t, newReceiver(t, picky).port(), func(o *Options) {
		notifying(nil)(o)
		remote := o.Broker.(*elsewhere)
		ids = remote.watch("dsn")
		disk := &failing{o.Waiting.(*localqueue.Store), func() bool { return len(ids()) == 1 }}
		o.Settler = settle.NewRemote(settle.Options{Store: disk, Sender: remote})
	})
	r.publish(`{"envelope":"me@sender.test","recipient":"defer@receiver.test","mime":"x","dsn":{"notify":"DELAY"},"maxdelivertime":"2100-01-01 00:00:00",`+
		`"delayed":%q,"results":[{"time":%q}]}`, time.Now().UTC().Add(2*time.Second).Format(time.DateTime), ago(5*time.Hour))
	soon(t, "it waits", func() bool { return r.store.WaitingCount() == 1 && r.idle() })
	names := map[string]bool{}
	for _, n := range r.notifications("dsn", 2) {
		_, after, _ := strings.Cut(n.Mime, "\r\nMessage-ID: ")
		name, _, _ := strings.Cut(after, "\r\n")
		names[name] = true
	}
	if got := ids(); len(names) != 1 || len(got) != 2 || got[0] != got[1] {
		t.Errorf("Message-IDs %v, names of the publishings %v", names, got)
	}
}

// failing is a store that cannot write now and then.
type failing struct {
	*localqueue.Store
	now func() bool
}

func (s *failing) Commit(b *localqueue.Batch, done func(error)) {
	if s.now() {
		go done(errors.New("disk"))
		return
	}
	s.Store.Commit(b, done)
}

// spy keeps the last work.
type spy struct {
	Settler
	seen *atomic.Pointer[settle.Work]
}

func (s *spy) Settle(w settle.Work) {
	s.seen.Store(&w)
	s.Settler.Settle(w)
}

// A notification that cannot be written costs nobody his result.
func TestNotificationThatPanics(t *testing.T) {
	r := newRig(t, 1, notifying(nil))
	w := settle.Work{Publish: []settle.Publication{{Publishing: broker.Publishing{Queue: "results"}}}}
	if got := r.engine.withNotice(&item{}, &mail.Result{}, report.Failure, w); len(got.Publish) != 1 {
		t.Errorf("%+v", got)
	}
}

// Who wants no notifications pays nothing for them, and what goes to the next server is no new memory either.
func TestNotificationsCostNothing(t *testing.T) {
	r := newRig(t, 1, nil)
	m, err := mail.Parse([]byte(`{"envelope":"me@sender.test","recipient":"you@receiver.test","mime":"x","dsn":{"notify":"delay , success"}}`), mail.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	it, result := &item{m: m, finished: true}, &mail.Result{State: mail.StateRcptTo, Kind: mail.Failed, Code: 550}
	if n := testing.AllocsPerRun(100, func() {
		if r.engine.wanted(it, result) != report.Nothing || r.engine.askedOf(m).Notify != "SUCCESS,DELAY" || r.engine.askedOf(m).Ret != "HDRS" {
			t.Error("wrong")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
