package amqp_test

import (
	"context"
	"errors"
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
