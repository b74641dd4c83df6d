package amqp_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"testing"

	"posthoorn/internal/broker"
	"posthoorn/internal/broker/amqp"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

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
