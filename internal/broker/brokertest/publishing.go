package brokertest

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"testing"

	"posthoorn/internal/broker"
)

// roundTrip: what was confirmed comes as it was, once, not marked as redelivered.
func roundTrip(t *testing.T, f Factory) {
	w := newWorld(t, f)
	w.publish(0, 300, 1000)
	in := acking(t)
	c := w.consume(50, in)
	in.waitForAll(300)
	in.each(func(d delivery) {
		if d.Redelivered {
			t.Errorf("message %d is marked as redelivered", d.number)
		}
		if want := body(d.number, 1000); !bytes.Equal(d.Body, want) || d.Size < 16 {
			t.Errorf("message %d came as %d bytes (%d on the wire)", d.number, len(d.Body), d.Size)
		}
	})
	if in.count() != 300 {
		t.Errorf("%d deliveries of 300 messages", in.count())
	}
	closeFlushed(t, w, c)
	w.assertEmpty()
}

func closeFlushed(t *testing.T, w *world, c broker.Consumer) {
	t.Helper()
	if err := c.Flush(w.ctx()); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// order: one sender, one queue, one consumer: first in, first out.
func order(t *testing.T, f Factory) {
	w := newWorld(t, f)
	w.queue = queueName(t) // one that nobody declared: the first sends wait for that
	out := newOutcomes(t)
	for i := range 500 {
		w.b.Send(w.ctx(), []broker.Publishing{{Queue: w.queue, Body: body(i, 0)}}, out.done(i))
	}
	out.allFine(500)
	in := acking(t)
	w.consume(100, in)
	in.waitFor(500)
	for i, d := range in.all() {
		if d.number != i {
			t.Fatalf("message %d came at place %d", d.number, i)
		}
	}
}

// group: Done of several publishings comes when all are durable.
func group(t *testing.T, f Factory) {
	w := newWorld(t, f)
	others := []string{queueName(t), queueName(t)}
	ps := []broker.Publishing{{Queue: w.queue, Body: body(0, 0)}, {Queue: others[0], Body: body(1, 0)}, {Queue: others[1], Body: body(2, 0)}}
	if err := broker.Publish(w.ctx(), w.b, ps...); err != nil {
		t.Fatal(err)
	}
	for i, q := range append([]string{w.queue}, others...) {
		w.queue = q
		in := acking(t)
		w.consume(1, in)
		in.waitFor(1)
		if got := in.all()[0].number; got != i {
			t.Errorf("message %d in queue %d", got, i)
		}
	}
}

// empty: nothing to publish is durable at once.
func empty(t *testing.T, f Factory) {
	w := newWorld(t, f)
	if err := broker.Publish(w.ctx(), w.b); err != nil {
		t.Error(err)
	}
}

// unknownQueue: a name that nobody declared is made on first use.
func unknownQueue(t *testing.T, f Factory) {
	w := newWorld(t, f)
	for range 20 {
		w.queue = queueName(t)
		w.publish(0, 3, 0)
	}
	in := acking(t)
	w.consume(10, in)
	in.waitForAll(3)
}

// declare: any number of times; what exists is used as it is.
func declare(t *testing.T, f Factory) {
	w := newWorld(t, f)
	w.publish(0, 1, 0)
	for range 3 {
		if err := w.b.Declare(w.ctx(), w.queue, queueName(t)); err != nil {
			t.Error(err)
		}
	}
	in := acking(t)
	w.consume(1, in)
	in.waitFor(1)
}

// manySenders: each Done exactly once, each message at least once.
func manySenders(t *testing.T, f Factory) {
	w := newWorld(t, f)
	const senders, each = 50, 40
	others := []string{w.queue, queueName(t), queueName(t)}
	out := newOutcomes(t)
	var sending sync.WaitGroup
	for s := range senders {
		r := rand.New(rand.NewPCG(uint64(s), 2))
		sending.Go(func() {
			for i := range each {
				n := s*each + i
				var ps []broker.Publishing
				for range 1 + r.IntN(3) {
					ps = append(ps, broker.Publishing{Queue: others[len(ps)], Body: body(n, r.IntN(3000))})
				}
				w.b.Send(w.ctx(), ps, out.done(n))
			}
		})
	}
	sending.Wait()
	out.allFine(senders * each)
	in := acking(t)
	w.consumeMany(2, 100, in)
	in.waitForAll(senders * each)
}
