package brokertest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"posthoorn/internal/broker"
)

// blocked: nothing is confirmed while the broker takes nothing, Blocked says so, sends end with their ctx, and all heals by itself.
func blocked(t *testing.T, f Factory) {
	w := newWorld(t, f)
	w.publish(0, 1, 0)
	if reason, is := w.b.Blocked(); is {
		t.Fatalf("blocked before anything happened: %s", reason)
	}
	f.Block(t)
	unblock := sync.OnceFunc(func() { f.Unblock(t) })
	defer unblock()
	out := newOutcomes(t)
	var sending sync.WaitGroup
	const n = 1000
	sending.Go(func() {
		for i := range n {
			w.b.Send(context.Background(), []broker.Publishing{{Queue: w.queue, Body: body(1+i, 5000)}}, out.done(i))
		}
	})
	until(t, func() bool { _, is := w.b.Blocked(); return is })
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	err := broker.Publish(ctx, w.b, broker.Publishing{Queue: w.queue, Body: body(n+1, 0)})
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, broker.ErrBlocked) {
		t.Errorf("publish while blocked: %v", err)
	}
	if out.count() == n {
		t.Error("everything was confirmed by a blocked broker")
	}
	unblock()
	sending.Wait()
	out.allFine(n)
	until(t, func() bool { _, is := w.b.Blocked(); return !is })
	in := acking(t)
	w.consume(100, in)
	in.waitForAll(n + 1)
}

// closeWhileBlocked: Close takes seconds at most, and every Done comes.
func closeWhileBlocked(t *testing.T, f Factory) {
	w := newWorld(t, f)
	w.publish(0, 10, 0)
	in := newInbox(t)
	w.consume(5, in)
	in.waitFor(5)
	f.Block(t)
	defer f.Unblock(t)
	out := newOutcomes(t)
	var sending sync.WaitGroup
	const n = 500
	sending.Go(func() {
		for i := range n {
			w.b.Send(context.Background(), []broker.Publishing{{Queue: w.queue, Body: body(i, 100_000)}}, out.done(i))
		}
	})
	until(t, func() bool { _, is := w.b.Blocked(); return is })
	begin := time.Now()
	if err := w.b.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("Close took %v", took)
	}
	sending.Wait()
	out.wait(n)
}
