package amqp_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"posthoorn/internal/broker"
	"posthoorn/internal/broker/amqp"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

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
