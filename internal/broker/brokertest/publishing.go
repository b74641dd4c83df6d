package brokertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

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

// large: large mail beside small mail.
func large(t *testing.T, f Factory) {
	w := newWorld(t, f)
	size := max(f.Large, 1<<20)
	out := newOutcomes(t)
	for i := range 6 {
		w.b.Send(w.ctx(), []broker.Publishing{{Queue: w.queue, Body: body(i, (i%2)*size)}}, out.done(i))
	}
	out.allFine(6)
	in := acking(t)
	w.consume(2, in)
	in.waitForAll(6)
	in.each(func(d delivery) {
		if !bytes.Equal(d.Body, body(d.number, (d.number%2)*size)) {
			t.Errorf("message %d of %d bytes is not what was sent", d.number, len(d.Body))
		}
	})
}

// tooBig: a body over the limit is the message's own fault and stops nothing else.
func tooBig(t *testing.T, f Factory) {
	w := newWorld(t, f)
	out := newOutcomes(t)
	for i := range 10 {
		size := 0
		if i == 5 {
			size = f.TooBig
		}
		w.b.Send(w.ctx(), []broker.Publishing{{Queue: w.queue, Body: body(i, size)}}, out.done(i))
	}
	out.wait(10)
	for i := range 10 {
		if err := out.err(i); (i == 5) != errors.Is(err, broker.ErrTooBig) || i != 5 && err != nil {
			t.Errorf("send %d: %v", i, err)
		}
	}
	in := acking(t)
	w.consume(20, in)
	in.wait("nine messages", func() bool { return len(in.seen) == 9 })
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

// contextEnds: a Send whose time is over ends with that, and says so once; the message may be there or not.
func contextEnds(t *testing.T, f Factory) {
	w := newWorld(t, f)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	out := newOutcomes(t)
	for i := range 500 {
		w.b.Send(ctx, []broker.Publishing{{Queue: w.queue, Body: body(i, 0)}}, out.done(i))
	}
	out.wait(500)
	for i := range 500 {
		if err := out.err(i); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatalf("send %d: %v", i, err)
		}
	}
	w.publish(1000, 10, 0)
}

// sendAfterClose: the answer is ErrClosed.
func sendAfterClose(t *testing.T, f Factory) {
	w := newWorld(t, f)
	if err := w.b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := broker.Publish(w.ctx(), w.b, broker.Publishing{Queue: w.queue, Body: body(0, 0)}); !errors.Is(err, broker.ErrClosed) {
		t.Errorf("publish after Close: %v", err)
	}
	if _, err := w.b.Consume(w.queue, 1, 1, newInbox(t)); !errors.Is(err, broker.ErrClosed) {
		t.Errorf("consume after Close: %v", err)
	}
	if err := w.b.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// closeWhileSending: every Done comes, and what was said to be durable is.
func closeWhileSending(t *testing.T, f Factory) {
	w := newWorld(t, f)
	out := newOutcomes(t)
	const n = 400
	var sending sync.WaitGroup
	for s := range 4 {
		sending.Go(func() {
			for i := s; i < n; i += 4 {
				queue := w.queue
				if i%10 == 9 {
					queue = fmt.Sprint(w.queue, "-new-", i)
				}
				w.b.Send(context.Background(), []broker.Publishing{{Queue: queue, Body: body(i, 500)}}, out.done(i))
			}
		})
	}
	deadline := time.Now().Add(Patience)
	for out.count() < n/10 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	if err := w.b.Close(); err != nil {
		t.Error(err)
	}
	sending.Wait()
	out.wait(n)
	w.b = f.New(t)
	in := acking(t)
	w.consume(100, in)
	fine := 0
	for i := range n {
		switch err := out.err(i); {
		case err == nil && i%10 != 9:
			fine++
			in.wait(fmt.Sprint("message ", i), func() bool { return in.seen[i] > 0 })
		case err != nil && !errors.Is(err, broker.ErrClosed):
			t.Errorf("send %d: %v", i, err)
		}
	}
	t.Logf("%d of %d were durable before the end", fine, n)
}

// priority: higher first, equal in order.
func priority(t *testing.T, f Factory) {
	w := newWorldOn(t, f, f.Prioritised(t))
	out := newOutcomes(t)
	for i := range 30 {
		w.b.Send(w.ctx(), []broker.Publishing{{Queue: w.queue, Body: body(i, 0), Priority: uint8(i % 3)}}, out.done(i))
	}
	out.allFine(30)
	in := acking(t)
	w.consume(1, in)
	in.waitForAll(30)
	for i, d := range in.all() {
		if want := (i%10)*3 + 2 - i/10; d.number != want {
			t.Fatalf("place %d has message %d, want %d", i, d.number, want)
		}
	}
}

// unreachable: queues that cannot be reached fail with ErrUnroutable and hold up nobody.
func unreachable(t *testing.T, f Factory) {
	w := newWorld(t, f)
	bad := f.Unreachable(t)
	out := newOutcomes(t)
	for i := range 600 {
		queue := w.queue
		if i%3 == 0 {
			queue = bad
		}
		w.b.Send(w.ctx(), []broker.Publishing{{Queue: queue, Body: body(i, 0)}}, out.done(i))
	}
	out.wait(600)
	for i := range 600 {
		if err := out.err(i); (i%3 == 0) != errors.Is(err, broker.ErrUnroutable) || i%3 != 0 && err != nil {
			t.Fatalf("send %d: %v", i, err)
		}
	}
	in := acking(t)
	w.consume(100, in)
	in.wait("the reachable ones", func() bool { return len(in.seen) == 400 })
}
