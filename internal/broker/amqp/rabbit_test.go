package amqp_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/broker/amqp"
	"posthoorn/internal/testbed"

	"github.com/prometheus/client_golang/prometheus"
	amqp091 "github.com/rabbitmq/amqp091-go"
)

func name(t *testing.T) string { return fmt.Sprint(t.Name(), "-", time.Now().UnixNano()) }

func patience(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func publish(t *testing.T, b broker.Sender, ps ...broker.Publishing) error {
	t.Helper()
	return broker.Publish(patience(t), b, ps...)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// get takes one message off a queue, as another client sees it.
func get(t *testing.T, queue string) amqp091.Delivery {
	t.Helper()
	d, ok, err := direct(t).Get(queue, true)
	must(t, err)
	if !ok {
		t.Fatalf("queue %s is empty", queue)
	}
	return d
}

// deliveries is a handler that passes on what comes.
type deliveries chan broker.Delivery

func (d deliveries) Deliver(x broker.Delivery) { d <- x }
func (d deliveries) Lost(uint32, uint64)       {}

func (d deliveries) next(t *testing.T) broker.Delivery {
	t.Helper()
	select {
	case x := <-d:
		return x
	case <-patience(t).Done():
		t.Fatal("no delivery")
		return broker.Delivery{}
	}
}

func TestProperties(t *testing.T) {
	url := rabbit.Get(t).URL()
	q := name(t)
	for _, c := range []struct {
		o        amqp.Options
		mode     uint8
		encoding string
	}{{amqp.Options{}, 2, ""}, {amqp.Options{NotPersistent: true}, 1, ""}, {amqp.Options{Gzip: true}, 2, "gzip"}} {
		c.o.Address = url
		b := open(t, c.o)
		must(t, b.Declare(patience(t), q))
		must(t, publish(t, b, broker.Publishing{Queue: q, Body: []byte(`{"a": 1}`), ID: "the-id", Priority: 3, Handover: "1,2"}))
		d := get(t, q)
		if d.ContentType != "" || d.DeliveryMode != c.mode || d.MessageId != "the-id" || d.Priority != 3 || d.ContentEncoding != c.encoding {
			t.Errorf("%+v: %+v", c.o, d)
		}
		if d.Headers["x-handover"] != "1,2" || len(d.Headers) != 1 {
			t.Errorf("headers %v", d.Headers)
		}
		if c.encoding == "" && string(d.Body) != `{"a": 1}` {
			t.Errorf("body %q", d.Body)
		}
		must(t, publish(t, b, broker.Publishing{Queue: q, Body: []byte("x")}))
		if d = get(t, q); d.Headers != nil || d.MessageId != "" {
			t.Errorf("plain message has headers %v, id %q", d.Headers, d.MessageId)
		}
	}
}

// Plain and gzipped bodies in one queue; one that cannot be read comes as it is.
func TestEncodingsIn(t *testing.T) {
	b := open(t, amqp.Options{Address: rabbit.Get(t).URL(), MaxBody: 1 << 20})
	q := name(t)
	must(t, b.Declare(patience(t), q))
	var zipped, bomb bytes.Buffer
	for w, body := range map[*bytes.Buffer][]byte{&zipped: []byte("hello"), &bomb: make([]byte, 5<<20)} {
		z := gzip.NewWriter(w)
		_, err := z.Write(body)
		must(t, errors.Join(err, z.Close()))
	}
	ch := direct(t)
	for _, p := range []amqp091.Publishing{
		{Body: []byte("hello")}, {Body: zipped.Bytes(), ContentEncoding: "GZIP"}, {Body: []byte("hello"), ContentEncoding: "utf-8"},
		{Body: []byte("no gzip"), ContentEncoding: "gzip"}, {Body: bomb.Bytes(), ContentEncoding: "gzip"},
		{Body: []byte("hello"), Headers: amqp091.Table{"x-handover": "7", "x-death": []any{amqp091.Table{"count": int64(1)}}}, ContentType: "application/json"},
	} {
		must(t, ch.Publish("", q, false, false, p))
	}
	in := make(deliveries, 10)
	c, err := b.Consume(q, 1, 10, in)
	must(t, err)
	for i := range 6 {
		d := in.next(t)
		if bad := i == 3 || i == 4; bad != (d.Err != nil) || !bad && string(d.Body) != "hello" {
			t.Errorf("%d: %.20q, %v", i, d.Body, d.Err)
		}
		if (d.Handover == "7") != (i == 5) {
			t.Errorf("%d: handover %q", i, d.Handover)
		}
		c.Ack(d.Ticket)
	}
}

// A queue that the operator made, with whatever arguments, is used as it is.
func TestExistingQueue(t *testing.T) {
	q := name(t)
	ch := direct(t)
	_, err := ch.QueueDeclare(q, false, false, false, false, amqp091.Table{"x-max-length": int32(5)})
	must(t, err)
	b := open(t, amqp.Options{Address: rabbit.Get(t).URL(), MaxPriority: 5, Lazy: true})
	must(t, b.Declare(patience(t), q))
	must(t, publish(t, b, broker.Publishing{Queue: q, Body: []byte("x")}))
	get(t, q)
}

// By default queues are declared as the client programs do: durable, no arguments.
func TestDeclareArguments(t *testing.T) {
	outbox := name(t)
	for _, c := range []struct {
		o       amqp.Options
		queue   string
		durable bool
		args    amqp091.Table
	}{
		{amqp.Options{}, name(t), true, nil},
		{amqp.Options{NotDurable: true}, name(t), false, nil},
		{amqp.Options{MaxPriority: 5, Lazy: true}, name(t), true, amqp091.Table{"x-max-priority": int32(5), "x-queue-mode": "lazy"}},
		{amqp.Options{Outbox: outbox, Quorum: true, MaxPriority: 5, Lazy: true}, outbox, true, amqp091.Table{"x-queue-type": "quorum"}},
		{amqp.Options{Outbox: outbox, Quorum: true}, name(t), true, nil},
	} {
		c.o.Address = rabbit.Get(t).URL()
		b := open(t, c.o)
		must(t, b.Declare(patience(t), c.queue))
		if _, err := direct(t).QueueDeclare(c.queue, c.durable, false, false, false, c.args); err != nil {
			t.Errorf("%+v: %v", c.o, err)
		}
		must(t, publish(t, b, broker.Publishing{Queue: c.queue, Body: []byte("x")}))
		get(t, c.queue)
	}
}

func TestNoDeclare(t *testing.T) {
	b := open(t, amqp.Options{Address: rabbit.Get(t).URL(), NoDeclare: true})
	missing, there := name(t), name(t)
	_, err := direct(t).QueueDeclare(there, true, false, false, false, nil)
	must(t, err)
	for range 3 {
		if err := publish(t, b, broker.Publishing{Queue: missing, Body: []byte("x")}); !errors.Is(err, broker.ErrUnroutable) {
			t.Errorf("missing queue: %v", err)
		}
		must(t, publish(t, b, broker.Publishing{Queue: there, Body: []byte("x")}))
	}
	if err := b.Declare(patience(t), there, missing); !errors.Is(err, broker.ErrUnroutable) || !strings.Contains(err.Error(), missing) || strings.Contains(err.Error(), "queue "+there) {
		t.Errorf("Declare: %v", err)
	}
}

func TestExchange(t *testing.T) {
	r := rabbit.Get(t)
	ch := direct(t)
	own := name(t)
	for _, exchange := range []string{own, "amq.topic"} {
		b := open(t, amqp.Options{Address: r.URL(), Exchange: exchange})
		q, copies := name(t)+exchange, name(t)+"copies"+exchange
		must(t, b.Declare(patience(t), q))
		_, err := ch.QueueDeclare(copies, true, false, false, false, nil)
		must(t, err)
		must(t, ch.QueueBind(copies, q, exchange, false, nil))
		must(t, publish(t, b, broker.Publishing{Queue: q, Body: []byte("x")}))
		if d := get(t, q); d.Exchange != exchange {
			t.Errorf("published to %q", d.Exchange)
		}
		get(t, copies)
		must(t, publish(t, b, broker.Publishing{Queue: name(t) + "unknown", Body: []byte("x")}))
		// A handed-over message goes to the other outbox alone.
		must(t, publish(t, b, broker.Publishing{Queue: q, Body: []byte("x"), Handover: "1"}))
		if d := get(t, q); d.Exchange != "" {
			t.Errorf("handed over through %q", d.Exchange)
		}
	}
	must(t, ch.ExchangeDeclare(own, "direct", true, false, false, false, nil)) // it is durable and direct
}

// F8: the exchange goes away under load. All sends fail with a reason until it is there again, by itself.
func TestExchangeDeleted(t *testing.T) {
	exchange, q := name(t), name(t)+"q"
	b := open(t, amqp.Options{Address: rabbit.Get(t).URL(), Exchange: exchange})
	must(t, publish(t, b, broker.Publishing{Queue: q, Body: []byte("x")}))
	must(t, direct(t).ExchangeDelete(exchange, false, false))
	if err := publish(t, b, broker.Publishing{Queue: q, Body: []byte("x")}); !errors.Is(err, broker.ErrUnroutable) || !strings.Contains(err.Error(), exchange) {
		t.Errorf("no exchange: %v", err)
	}
	eventually(t, func() bool { return publish(t, b, broker.Publishing{Queue: q, Body: []byte("x")}) == nil })
}

func eventually(t *testing.T, f func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ctx := patience(t); !f(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("a condition did not come")
		}
	}
}

// F8: a queue is deleted under load: what is published to it meanwhile fails or is there, and the consumer comes back.
func TestQueueDeleted(t *testing.T) {
	b := open(t, amqp.Options{Address: rabbit.Get(t).URL()})
	q := name(t)
	in := make(deliveries, 10_000)
	c, err := b.Consume(q, 1, 10, in)
	must(t, err)
	must(t, publish(t, b, broker.Publishing{Queue: q, Body: []byte("before")}))
	c.Ack(in.next(t).Ticket)
	_, err = direct(t).QueueDelete(q, false, false, false)
	must(t, err)
	eventually(t, func() bool { return publish(t, b, broker.Publishing{Queue: q, Body: []byte("after")}) == nil })
	if d := in.next(t); string(d.Body) != "after" {
		t.Errorf("came %q", d.Body)
	}
}

// F33: a queue that refuses: the send fails, and not as if it could never be reached.
func TestRejectPublish(t *testing.T) {
	q := name(t)
	_, err := direct(t).QueueDeclare(q, true, false, false, false, amqp091.Table{"x-max-length": int32(1), "x-overflow": "reject-publish"})
	must(t, err)
	b := open(t, amqp.Options{Address: rabbit.Get(t).URL()})
	must(t, publish(t, b, broker.Publishing{Queue: q, Body: []byte("x")}))
	eventually(t, func() bool {
		err := publish(t, b, broker.Publishing{Queue: q, Body: []byte("x")})
		if errors.Is(err, broker.ErrUnroutable) {
			t.Fatal(err)
		}
		return err != nil
	})
	get(t, q)
	eventually(t, func() bool { return publish(t, b, broker.Publishing{Queue: q, Body: []byte("x")}) == nil })
}

// Names that AMQP cannot carry, and a message-id that is too long, break nothing.
func TestNamesThatDoNotFit(t *testing.T) {
	b := open(t, amqp.Options{Address: rabbit.Get(t).URL()})
	q := name(t)
	for _, bad := range []string{"", strings.Repeat("q", 256), "q\xff", "amq.mine", "amq.rabbitmq.reply-to.x"} {
		if err := publish(t, b, broker.Publishing{Queue: bad, Body: []byte("x")}); !errors.Is(err, broker.ErrUnroutable) {
			t.Errorf("queue %.10q: %v", bad, err)
		}
	}
	must(t, publish(t, b, broker.Publishing{Queue: q, Body: []byte("x"), ID: strings.Repeat("i", 300)}))
	if d := get(t, q); len(d.MessageId) != 255 {
		t.Errorf("message-id of %d bytes", len(d.MessageId))
	}
}

// safeBuffer is a log that may be read while it is written.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// Bad logins are tried on, and the password is nowhere to be read.
func TestNoPasswordInLogs(t *testing.T) {
	var log safeBuffer
	r := rabbit.Get(t)
	b := open(t, amqp.Options{Address: strings.Replace(r.URL(), "guest:guest", "guest:s3cr3t", 1), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := broker.Publish(ctx, b, broker.Publishing{Queue: name(t), Body: []byte("x")})
	eventually(t, func() bool { return strings.Contains(log.String(), "username or password") })
	eventually(t, func() bool { reason, _ := b.Blocked(); return strings.Contains(reason, "username or password") })
	reason, is := b.Blocked()
	if all := fmt.Sprint(err, b.Declare(ctx, "q"), reason, log.String()); strings.Contains(all, "s3cr3t") || !is {
		t.Errorf("blocked %v, and the password is told: %s", is, all)
	}
}

// Several nodes: the first that works, and the next when it goes.
func TestNodes(t *testing.T) {
	r := rabbit.Get(t)
	dead, first, second := testbed.StartProxy(t, r.Addr()), testbed.StartProxy(t, r.Addr()), testbed.StartProxy(t, r.Addr())
	dead.Refuse(true)
	b := open(t, amqp.Options{Address: "amqp://guest:guest@" + dead.Addr() + ";" + first.Addr() + ";" + second.Addr() + "/"})
	q := name(t)
	must(t, publish(t, b, broker.Publishing{Queue: q, Body: []byte("x")}))
	if second.Accepted() > 0 {
		t.Error("the third node was used although the second works")
	}
	first.Refuse(true)
	first.Cut()
	must(t, publish(t, b, broker.Publishing{Queue: q, Body: []byte("x")}))
	if second.Accepted() == 0 {
		t.Error("who took that message?")
	}
}

// F5: a network that goes silent is noticed within two heartbeats, and used again when it is back.
func TestSilence(t *testing.T) {
	r := rabbit.Get(t)
	p := testbed.StartProxy(t, r.Addr())
	b := open(t, amqp.Options{Address: r.URLVia(p.Addr())})
	q := name(t)
	in := make(deliveries, 10)
	c, err := b.Consume(q, 1, 5, in)
	must(t, err)
	must(t, publish(t, b, broker.Publishing{Queue: q, Body: []byte("x")}))
	old := in.next(t)
	p.Blackhole(true)
	begin := time.Now()
	result := make(chan error, 1)
	b.Send(context.Background(), []broker.Publishing{{Queue: q, Body: []byte("y")}}, func(err error) { result <- err })
	eventually(t, func() bool { _, is := b.Blocked(); return is })
	if took := time.Since(begin); took > 22*time.Second {
		t.Errorf("noticed after %v", took)
	}
	p.Blackhole(false)
	p.Cut()
	must(t, <-result)
	seen := map[string]bool{}
	for len(seen) < 2 {
		d := in.next(t)
		seen[string(d.Body)] = true
		if d.Ticket == old.Ticket {
			t.Error("a ticket came twice")
		}
		c.Ack(old.Ticket)
		c.Ack(d.Ticket)
	}
}

// F6: connections that break in the middle of frames, at every place: all is published in the end.
func TestCutInFrames(t *testing.T) {
	r := rabbit.Get(t)
	p := testbed.StartProxy(t, r.Addr())
	b := open(t, amqp.Options{Address: r.URLVia(p.Addr())})
	q := name(t)
	must(t, b.Declare(patience(t), q))
	for _, after := range []int64{700, 1_500, 60_000} {
		p.CutAfter(after)
		p.Cut()
		var left sync.WaitGroup
		for i := range 30 {
			left.Add(1)
			b.Send(context.Background(), []broker.Publishing{{Queue: q, Body: make([]byte, 5000), ID: fmt.Sprint(after, "-", i)}}, func(err error) {
				if err != nil {
					t.Errorf("cut after %d: %v", after, err)
				}
				left.Done()
			})
		}
		before := p.Accepted()
		eventually(t, func() bool { return p.Accepted() > before })
		p.CutAfter(0)
		left.Wait()
	}
	ids := map[string]int{}
	must(t, b.Read(patience(t), q, false, false, func(d broker.Delivery) error { ids[string(d.Body[:1])]++; return nil }))
	if ids["\x00"] < 3*30 {
		t.Errorf("%d messages of %d", ids["\x00"], 3*30)
	}
}

func TestReadAndCount(t *testing.T) {
	b := open(t, amqp.Options{Address: rabbit.Get(t).URL(), Gzip: true})
	q := name(t)
	for i := range 5 {
		must(t, publish(t, b, broker.Publishing{Queue: q, Body: []byte(fmt.Sprint("body ", i))}))
	}
	count := func() int {
		n, _, err := b.Count(patience(t), q)
		must(t, err)
		return n
	}
	read := func(keep bool, f func(broker.Delivery) error) (got string, err error) {
		err = b.Read(patience(t), q, keep, false, func(d broker.Delivery) error {
			got += string(d.Body[5:])
			return f(d)
		})
		return got, err
	}
	fine := func(broker.Delivery) error { return nil }
	for range 2 {
		if got, err := read(true, fine); got != "01234" || err != nil {
			t.Errorf("kept: %s, %v", got, err)
		}
	}
	eventually(t, func() bool { return count() == 5 })
	full := errors.New("disk is full")
	got, err := read(false, func(d broker.Delivery) error {
		if string(d.Body) == "body 2" {
			return full
		}
		return nil
	})
	if got != "012" || !errors.Is(err, full) {
		t.Errorf("read %s: %v", got, err)
	}
	eventually(t, func() bool { return count() == 3 })
	if got, err := read(false, fine); got != "234" || err != nil {
		t.Errorf("rest: %s, %v", got, err)
	}
	follow(t, b, q)
	if _, _, err := b.Count(patience(t), name(t)); !errors.Is(err, broker.ErrUnroutable) {
		t.Errorf("count of a missing queue: %v", err)
	}
	if err := b.Read(patience(t), name(t), false, false, fine); !errors.Is(err, broker.ErrUnroutable) {
		t.Errorf("read of a missing queue: %v", err)
	}
}

func follow(t *testing.T, b *amqp.Broker, q string) {
	t.Helper()
	ctx, cancel := context.WithCancel(patience(t))
	got := make(chan string, 10)
	ended := make(chan error, 1)
	go func() {
		ended <- b.Read(ctx, q, false, true, func(d broker.Delivery) error { got <- string(d.Body); return nil })
	}()
	for _, body := range []string{"later", "and later"} {
		must(t, publish(t, b, broker.Publishing{Queue: q, Body: []byte(body)}))
		if g := <-got; g != body {
			t.Errorf("followed %q, want %q", g, body)
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("follow ended with %v", err)
	}
	if n, _, err := b.Count(patience(t), q); n != 0 || err != nil {
		t.Errorf("%d messages are left: %v", n, err)
	}
}

// F7: an outbox with a limit of returns and nowhere to go is warned of; other arguments are found out on the way there.
func TestOutboxIsLookedAt(t *testing.T) {
	for limit, want := range map[int]bool{0: false, 7: true} {
		var log safeBuffer
		q := name(t)
		args := amqp091.Table{"x-queue-type": "quorum", "x-max-length": int32(1000)}
		if limit > 0 {
			args["x-delivery-limit"] = int32(limit)
		}
		_, err := direct(t).QueueDeclare(q, true, false, false, false, args)
		must(t, err)
		b := open(t, amqp.Options{Address: rabbit.Get(t).URL(), Outbox: q, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		must(t, b.Declare(patience(t), q))
		if got := strings.Contains(log.String(), "dead-letter"); got != want {
			t.Errorf("limit %d: warned %v: %s", limit, got, log.String())
		}
	}
}

// SendTimeout ends sends to a broker that is not there.
func TestSendTimeout(t *testing.T) {
	dead := testbed.StartProxy(t, rabbit.Get(t).Addr())
	dead.Refuse(true)
	b := open(t, amqp.Options{Address: "amqp://guest:guest@" + dead.Addr() + "/", NoDeclare: true, SendTimeout: 200 * time.Millisecond})
	if err := publish(t, b, broker.Publishing{Queue: "q", Body: []byte("x")}); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "broker cannot be reached") {
		t.Errorf("%v", err)
	}
}

// D4: what was unconfirmed at a cut is counted when it is published again.
func TestResendsAreCounted(t *testing.T) {
	r := rabbit.Get(t)
	p := testbed.StartProxy(t, r.Addr())
	reg := prometheus.NewRegistry()
	b := open(t, amqp.Options{Address: r.URLVia(p.Addr()), Registerer: reg})
	q := name(t)
	must(t, publish(t, b, broker.Publishing{Queue: q, Body: []byte("x"), ID: "1"}))
	p.Delay(300 * time.Millisecond)
	result := make(chan error, 1)
	b.Send(context.Background(), []broker.Publishing{{Queue: q, Body: []byte("x"), ID: "2"}}, func(err error) { result <- err })
	eventually(t, func() bool { return metric(t, reg, "posthoorn_amqp_unconfirmed") == 1 })
	p.Cut()
	p.Delay(0)
	must(t, <-result)
	if n := metric(t, reg, "posthoorn_amqp_resends_total"); n != 1 {
		t.Errorf("%v resends", n)
	}
	if n := metric(t, reg, "posthoorn_amqp_confirms_total"); n != 2 {
		t.Errorf("%v confirms", n)
	}
}

func metric(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	must(t, err)
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue() + f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// A body over the limit of the broker, which we learn only from its refusal (406): that message fails, the others go on.
func TestLearnsLimit(t *testing.T) {
	r := rabbit.Get(t)
	r.Ctl(t, "eval", "application:set_env(rabbit, max_message_size, 100000).")
	defer r.Ctl(t, "eval", "application:set_env(rabbit, max_message_size, 134217728).")
	b := open(t, amqp.Options{Address: r.URL()})
	q := name(t)
	errs := map[int]error{}
	var mu sync.Mutex
	var left sync.WaitGroup
	for i := range 50 {
		left.Add(1)
		size := 1000
		if i%20 == 10 {
			size = 100_001
		}
		b.Send(patience(t), []broker.Publishing{{Queue: q, Body: make([]byte, size)}}, func(err error) {
			mu.Lock()
			defer mu.Unlock()
			errs[i] = err
			left.Done()
		})
	}
	left.Wait()
	for i, err := range errs {
		if big := i%20 == 10; big != errors.Is(err, broker.ErrTooBig) || !big && err != nil {
			t.Errorf("send %d: %v", i, err)
		}
	}
	must(t, publish(t, b, broker.Publishing{Queue: q, Body: make([]byte, 100_000)}))
}
