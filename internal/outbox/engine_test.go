package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/broker/local"
	"posthoorn/internal/dns"
	"posthoorn/internal/localqueue"
	"posthoorn/internal/settle"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is an engine on an embedded queue in memory, with a DNS made of maps.
type rig struct {
	t      *testing.T
	store  *localqueue.Store
	broker *local.Broker
	engine *Engine
	ended  bool // by the test itself
}

type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Helper()
	l.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

var loopback = netip.MustParseAddr("127.0.0.1")

func newRig(t *testing.T, port uint16, change func(*Options)) *rig {
	t.Helper()
	return newRigOn(t, openStore(t, vfs.NewMem()), port, change)
}

func openStore(t *testing.T, fs vfs.FS) *localqueue.Store {
	t.Helper()
	store, err := localqueue.Open("queue", localqueue.Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func newRigOn(t *testing.T, store *localqueue.Store, port uint16, change func(*Options)) *rig {
	t.Helper()
	r := &rig{t: t, store: store, broker: local.New(store)}
	o := Options{
		Broker: r.broker, Waiting: store, Ledger: store, Records: store,
		Resolver: &dns.Fake{A: map[string][]netip.Addr{"receiver.test": {loopback}, "other.test": {loopback}}},
		Settler:  &settle.Embedded{Store: store, Input: func() settle.Input { return r.engine.Input().(settle.Input) }},
		Queues:   Queues{Outbox: "outbox", Results: "results", Success: "success", Failure: "failure", Retry: "retry"},
		Own:      func() []netip.Addr { return []netip.Addr{loopback} }, DefaultIPs: []netip.Addr{loopback},
		Name:  func(context.Context, netip.Addr) string { return "sender.test" },
		Total: func() int { return 20 }, RemotePort: port, Logger: slog.New(slog.NewTextHandler(testLog{t}, nil)),
	}
	if change != nil {
		change(&o)
	}
	r.engine = New(o)
	if err := r.engine.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !r.ended && !r.engine.Stop(context.Background()) {
			t.Error("stop was not clean")
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *rig) publish(format string, args ...any) {
	r.t.Helper()
	err := broker.Publish(context.Background(), r.broker, broker.Publishing{Queue: "outbox", Body: fmt.Appendf(nil, format, args...)})
	if err != nil {
		r.t.Fatal(err)
	}
}

type result struct {
	Attempt     int
	State       string
	Result      string
	Code        int
	Status      string
	Description string
	From        string
}

type outcome struct {
	Recipient string
	ID        int
	Mime      *string
	Body      string
	Delayed   string
	Results   []result
}

func (o *outcome) last() result { return o.Results[len(o.Results)-1] }

// read takes n messages from a queue.
func (r *rig) read(queue string, n int) []outcome {
	r.t.Helper()
	var list []outcome
	deadline := time.Now().Add(patient)
	for len(list) < n {
		for _, taken := range r.store.Take(queue, n-len(list), nil) {
			var o outcome
			if err := json.Unmarshal(taken.Body, &o); err != nil {
				r.t.Fatalf("%s: %v", taken.Body, err)
			}
			list = append(list, o)
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%d of %d messages in %s", len(list), n, queue)
		}
		select {
		case <-r.store.Ready(queue):
		case <-time.After(20 * time.Millisecond):
		}
	}
	return list
}

func TestDelivered(t *testing.T) {
	peer := newReceiver(t, nil)
	r := newRig(t, peer.port(), nil)
	for i := range 300 {
		r.publish(`{"envelope":"me@sender.test","recipient":"you%d@receiver.test","mime":"Subject: x\n\n.dot\n","id":%d}`, i, i)
	}
	seen := map[int]bool{}
	for _, o := range r.read("results", 300) {
		l := o.last()
		if l.State != "message" || l.Result != "accepted" || l.Code != 250 || l.Status != "2.0.0" || l.Attempt != 1 || o.Mime != nil || seen[o.ID] {
			t.Errorf("%+v", o)
		}
		seen[o.ID] = true
	}
	r.read("success", 300)
	for _, m := range peer.all() {
		if m.data != "Subject: x\r\n\r\n..dot\r\n" || m.from != "MAIL FROM:<me@sender.test>" {
			t.Errorf("%+v", m)
		}
	}
	if n := len(peer.all()); n != 300 {
		t.Errorf("%d messages at the receiver", n)
	}
}

// Servers of one host on two ports are two destinations: a connection to one never carries the other's mail.
func TestPortsOfOneHostAreApart(t *testing.T) {
	first, second := newReceiver(t, nil), newReceiver(t, nil)
	r := newRig(t, first.port(), nil)
	const each = 20
	for i := range each {
		r.publish(`{"recipient":"a%d@first.test","mime":"x","smarthost":{"hostname":"receiver.test","port":%d}}`, i, first.port())
		r.publish(`{"recipient":"b%d@second.test","mime":"x","smarthost":{"hostname":"receiver.test","port":%d}}`, i, second.port())
	}
	r.read("success", 2*each)
	for domain, peer := range map[string]*receiver{"first.test": first, "second.test": second} {
		if n := len(peer.all()); n != each {
			t.Errorf("%d messages where those for %s belong", n, domain)
		}
		for _, m := range peer.all() {
			if !strings.Contains(m.to, domain) {
				t.Errorf("%s went to the server of %s", m.to, domain)
			}
		}
	}
}

func TestPermanentFailure(t *testing.T) {
	peer := newReceiver(t, func(verb, _ string) string {
		if verb == "RCPT" {
			return "550 5.1.1 no such user"
		}
		return ""
	})
	r := newRig(t, peer.port(), nil)
	r.publish(`{"recipient":"you@receiver.test","mime":"x","keepmime":true,"id":7}`)
	o := r.read("failure", 1)[0]
	if l := o.last(); l.State != "rcptto" || l.Result != "error" || l.Code != 550 || l.Description != "no such user" || o.Mime == nil || *o.Mime != "x" {
		t.Errorf("%+v", o)
	}
	r.read("results", 1)
}

func TestGreylistedThenAccepted(t *testing.T) {
	times := 0
	peer := newReceiver(t, func(verb, _ string) string {
		if verb == "." {
			if times++; times == 1 {
				return "451 4.7.1 later"
			}
		}
		return ""
	})
	r := newRig(t, peer.port(), nil)
	r.publish(`{"recipient":"you@receiver.test","mime":"x","retries":[1],"id":7}`)
	if o := r.read("retry", 1)[0]; o.Delayed == "" || o.last().Code != 451 || o.Mime == nil {
		t.Errorf("retry copy: %+v", o)
	}
	o := r.read("success", 1)[0]
	if len(o.Results) != 2 || o.Results[0].Code != 451 || o.last().Attempt != 2 || o.last().Result != "accepted" {
		t.Errorf("%+v", o)
	}
	r.read("results", 1)
}

func TestWhatCannotBeSent(t *testing.T) {
	r := newRig(t, 1, nil)
	for _, c := range []struct {
		body, state, result string
		code                int
	}{
		{`not json`, "amqp", "invalid", 554},
		{`{"mime":"x"}`, "amqp", "invalid", 553},
		{`{"recipient":"a@b.c","mime":"x","maxdelivertime":"2001-01-01 00:00:00"}`, "amqp", "timeout", 554},
		{`{"recipient":"a@b.c","mime":"x","maxattempts":1,"results":[{}]}`, "amqp", "timeout", 554},
		{`{"recipient":"a@nowhere.test","mime":"x"}`, "dns", "error", 550},
		{`{"recipient":"a@b.c","mime":"x","ips":[]}`, "bind", "error", 554},
		{`{"recipient":"a@b.c","mime":"x","ips":["192.0.2.1"]}`, "bind", "error", 554},
	} {
		r.publish("%s", c.body)
		o := r.read("failure", 1)[0]
		if l := o.last(); l.State != c.state || l.Result != c.result || l.Code != c.code {
			t.Errorf("%s: %+v", c.body, l)
		}
	}
}

func TestNobodyListens(t *testing.T) {
	peer := newReceiver(t, nil)
	port := peer.port()
	peer.listener.Close()
	r := newRig(t, port, nil)
	r.publish(`{"recipient":"a@receiver.test","mime":"x","maxattempts":1,"id":1}`)
	o := r.read("failure", 1)[0]
	if l := o.last(); l.State != "connect" || l.Result != "error" || l.Code != 451 || l.Status != "4.4.1" {
		t.Errorf("%+v", l)
	}
	r.publish(`{"recipient":"b@receiver.test","mime":"x","maxattempts":1,"id":2}`) // offline by now
	if l := r.read("failure", 1)[0].last(); l.State != "connect" {
		t.Errorf("%+v", l)
	}
}

func TestDelayedIsNotEarly(t *testing.T) {
	peer := newReceiver(t, nil)
	r := newRig(t, peer.port(), nil)
	due := time.Now().Add(2 * time.Second).UTC().Truncate(time.Second)
	r.publish(`{"recipient":"a@receiver.test","mime":"x","delayed":%q}`, due.Format(time.DateTime))
	r.read("success", 1)
	if early := time.Until(due); early > 0 {
		t.Errorf("%v early", early)
	}
}

func TestDeadlinePassesWhileWaiting(t *testing.T) {
	r := newRig(t, 1, nil)
	now := time.Now().UTC()
	r.publish(`{"recipient":"a@receiver.test","mime":"x","delayed":%q,"maxdelivertime":%q}`,
		now.Add(time.Hour).Format(time.DateTime), now.Add(2*time.Second).Format(time.DateTime))
	if l := r.read("failure", 1)[0].last(); l.State != "amqp" || l.Result != "timeout" || l.Status != "5.4.7" {
		t.Errorf("%+v", l)
	}
}

func TestTheMessageThatKillsTheProcessIsSetAside(t *testing.T) {
	const poison = `{"recipient":"poison@receiver.test","mime":"x","id":666}`
	ctx, fs := context.Background(), vfs.NewMem()
	store := openStore(t, fs)
	b := new(localqueue.Batch)
	suspect := identify([]byte(poison))
	ends, _ := json.Marshal([]time.Time{time.Now(), time.Now()})
	b.SetMeta(keyAlive, []byte{1})
	b.SetMeta(keyUnclean, ends)
	b.SetMeta(keySuspect, suspect[:])
	for _, body := range []string{`{"recipient":"a@receiver.test","mime":"x","id":1}`, poison, `{"recipient":"b@receiver.test","mime":"x","id":2}`} {
		b.Publish("outbox", localqueue.Message{Body: []byte(body)})
	}
	if err := errors.Join(store.Do(ctx, b), store.Close()); err != nil {
		t.Fatal(err)
	}
	peer := newReceiver(t, nil)
	r := newRigOn(t, openStore(t, fs), peer.port(), nil)
	if o := r.read("failure", 1)[0]; o.ID != 666 || o.last().State != "unknown" || o.last().Result != "error" {
		t.Errorf("%+v", o)
	}
	r.read("success", 2)
	if n := len(peer.all()); n != 2 {
		t.Errorf("%d messages at the receiver", n)
	}
}

func TestTwoKillsHarmNobody(t *testing.T) {
	ctx, fs := context.Background(), vfs.NewMem()
	store := openStore(t, fs)
	b := new(localqueue.Batch)
	ends, _ := json.Marshal([]time.Time{time.Now()})
	b.SetMeta(keyAlive, []byte{1})
	b.SetMeta(keyUnclean, ends)
	b.Publish("outbox", localqueue.Message{Body: []byte(`{"recipient":"a@receiver.test","mime":"x","id":1}`)})
	if err := errors.Join(store.Do(ctx, b), store.Close()); err != nil {
		t.Fatal(err)
	}
	peer := newReceiver(t, nil)
	r := newRigOn(t, openStore(t, fs), peer.port(), nil)
	if r.engine.careful.on {
		t.Error("careful after two unclean ends")
	}
	r.read("success", 1)
}
