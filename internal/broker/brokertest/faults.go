package brokertest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"posthoorn/internal/broker"
)

// durable: what was confirmed survives.
func durable(t *testing.T, f Factory, fault faultCase) {
	w := newWorld(t, f)
	w.publish(0, 300, 2000)
	w.suffer(fault)
	in := acking(t)
	w.consume(50, in)
	in.waitForAll(300)
}

// redelivers: what was out and not acked comes again, marked.
func redelivers(t *testing.T, f Factory, fault faultCase) {
	w := newWorld(t, f)
	w.publish(0, 40, 0)
	in := newInbox(t)
	w.consume(20, in)
	in.waitFor(20)
	first := in.all()[:20]
	again := in
	before := 20
	if w.suffer(fault) {
		again, before = newInbox(t), 0
		w.consume(20, again)
	}
	again.waitFor(before + 20)
	marked := map[int]bool{}
	for _, d := range again.all()[before:] {
		marked[d.number] = marked[d.number] || d.Redelivered
	}
	for _, d := range first {
		if came, ok := marked[d.number]; !ok || !came {
			t.Errorf("message %d was out: came again %v, marked %v", d.number, ok, came)
		}
	}
	if again == in && in.lost == 0 {
		t.Error("nobody said that the tickets were lost")
	}
}

// staleTickets: a ticket from before the fault settles nothing: neither its own message nor the one that has its tag now.
func staleTickets(t *testing.T, f Factory, fault faultCase) {
	w := newWorld(t, f)
	w.publish(0, 30, 0)
	in := newInbox(t)
	c := w.consume(30, in)
	in.waitFor(30)
	old := in.all()
	again := in
	fresh := 30
	if w.suffer(fault) {
		again, fresh = newInbox(t), 0
		c = w.consume(30, again)
	}
	again.waitFor(fresh + 30)
	for i, d := range old {
		if i%2 == 0 {
			c.Ack(d.Ticket)
		} else {
			c.Nack(d.Ticket)
		}
	}
	closeFlushed(t, w, c)
	last := acking(t)
	w.consume(30, last)
	last.waitForAll(30)
}

// whilePublishing: many senders and faults in the middle: each Done exactly once, and all that was confirmed is there.
func whilePublishing(t *testing.T, f Factory, fault faultCase) {
	w := newWorld(t, f)
	var mu sync.Mutex // guards w.b: it may change
	current := func() broker.Broker {
		mu.Lock()
		defer mu.Unlock()
		return w.b
	}
	const n, senders = 4000, 8
	out := newOutcomes(t)
	var sending sync.WaitGroup
	for s := range senders {
		sending.Go(func() {
			for i := s; i < n; i += senders {
				current().Send(context.Background(), []broker.Publishing{{Queue: w.queue, Body: body(i, 700)}}, out.done(i))
			}
		})
	}
	for k := 1; k <= fault.times; k++ {
		until(t, func() bool { return out.count() >= n*k/(fault.times+2) })
		b := fault.happen(t, current())
		mu.Lock()
		w.b = b
		mu.Unlock()
	}
	sending.Wait()
	out.wait(n)
	failed := 0
	in := acking(t)
	c := w.consume(200, in)
	for i := range n {
		if out.err(i) != nil {
			failed++
			continue
		}
		in.wait("what was confirmed", func() bool { return in.seen[i] > 0 })
	}
	t.Logf("%d of %d sends failed, %d deliveries", failed, n, in.count())
	closeFlushed(t, w, c)
}

// until waits for a condition.
func until(t *testing.T, ready func() bool) {
	t.Helper()
	deadline := time.Now().Add(Patience)
	for !ready() {
		if time.Now().After(deadline) {
			t.Fatal("a condition did not come")
		}
		time.Sleep(time.Millisecond)
	}
}

// whileConsuming: faults in the middle of consuming: every message is seen, late acks of lost tickets do no harm, and at the end
// the queue is empty.
func whileConsuming(t *testing.T, f Factory, fault faultCase) {
	w := newWorld(t, f)
	const n = 3000
	w.publish(0, n, 700)
	in := newInbox(t)
	late := make(chan delivery, 10*n)
	in.on = func(c broker.Consumer, d delivery) {
		if d.number%7 == 0 && !d.Redelivered {
			late <- d // settled by somebody else, later
			return
		}
		in.ack(c, d)
	}
	c := w.consume(100, in)
	stop := make(chan struct{})
	var settling sync.WaitGroup
	settling.Go(func() { settleLate(in, late, stop) })
	for k := 1; k <= fault.times; k++ {
		in.wait("a part", func() bool { return len(in.seen) >= n*k/(fault.times+2) })
		if w.suffer(fault) {
			c = w.consume(100, in)
		}
	}
	in.waitForAll(n)
	close(stop)
	settling.Wait()
	t.Logf("%d deliveries of %d messages", in.count(), n)
	until(t, func() bool { in.mu.Lock(); defer in.mu.Unlock(); return len(in.open) == 0 })
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if err := c.Flush(ctx); err != nil {
		t.Logf("acks cannot be proven after a fault: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	w.drained(n)
}

// settleLate acks in a goroutine of its own, some behind the others.
func settleLate(in *inbox, late chan delivery, stop chan struct{}) {
	var held []delivery
	settle := func() {
		in.mu.Lock()
		c := in.c
		in.mu.Unlock()
		for _, d := range held {
			in.ack(c, d)
		}
		held = held[:0]
	}
	for {
		select {
		case d := <-late:
			if held = append(held, d); len(held) >= 10 {
				settle()
			}
		case <-time.After(20 * time.Millisecond):
			settle()
		case <-stop:
			for len(late) > 0 {
				held = append(held, <-late)
			}
			settle()
			return
		}
	}
}

// drained consumes what is left, which may be doubles only, and asserts that the queue is empty then.
func (w *world) drained(n int) {
	w.t.Helper()
	in := acking(w.t)
	c := w.consume(100, in)
	w.publish(n, 1, 0)
	in.wait("the last message", func() bool { return in.seen[n] > 0 })
	if err := c.Flush(w.ctx()); err != nil {
		w.t.Error(err)
	}
	if err := c.Close(); err != nil {
		w.t.Error(err)
	}
	in.each(func(d delivery) {
		if d.number != n && !d.Redelivered {
			w.t.Errorf("message %d came for the first time after all were seen", d.number)
		}
	})
	w.assertEmpty()
}

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
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("Close took %v", took)
	}
	sending.Wait()
	out.wait(n)
}
