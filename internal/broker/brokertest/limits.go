package brokertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"posthoorn/internal/broker"
)

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
