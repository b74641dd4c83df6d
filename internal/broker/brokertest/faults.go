package brokertest

import (
	"context"
	"sync"
	"testing"
	"time"

	"posthoorn/internal/broker"
)

// survives lets one fault happen to three queues, each with a promise of its own: a restart takes seconds.
func survives(t *testing.T, f Factory, fault faultCase) {
	w := newWorld(t, f)
	var checks []func(w *world, renewed bool)
	worlds := []*world{w, newWorldOn(t, f, w.b), newWorldOn(t, f, w.b)}
	for i, prepare := range []func(*world) func(*world, bool){durable, redelivers, staleTickets} {
		checks = append(checks, prepare(worlds[i]))
	}
	renewed := w.suffer(fault)
	for i, check := range checks {
		worlds[i].b = w.b
		check(worlds[i], renewed)
	}
}

// durable: what was confirmed survives.
func durable(w *world) func(*world, bool) {
	w.publish(0, 300, 2000)
	return func(w *world, _ bool) {
		in := acking(w.t)
		w.consume(50, in)
		in.waitForAll(300)
	}
}

// redelivers: what was out and not acked comes again, marked, and the handler hears that the tickets are lost.
func redelivers(w *world) func(*world, bool) {
	w.publish(0, 40, 0)
	in := newInbox(w.t)
	w.consume(20, in)
	in.waitFor(20)
	first := in.all()[:20]
	return func(w *world, renewed bool) {
		again, before := in, 20
		if renewed {
			again, before = newInbox(w.t), 0
			w.consume(20, again)
		}
		again.waitFor(before + 20)
		marked := map[int]bool{}
		for _, d := range again.all()[before:] {
			marked[d.number] = marked[d.number] || d.Redelivered
		}
		for _, d := range first {
			if came, ok := marked[d.number]; !ok || !came {
				w.t.Errorf("message %d was out: came again %v, marked %v", d.number, ok, came)
			}
		}
		if !renewed && in.losses() == 0 {
			w.t.Error("nobody said that the tickets were lost")
		}
	}
}

// staleTickets: a ticket from before the fault settles nothing: neither its own message nor the one that has its tag now.
func staleTickets(w *world) func(*world, bool) {
	w.publish(0, 30, 0)
	in := newInbox(w.t)
	c := w.consume(30, in)
	in.waitFor(30)
	old := in.all()
	return func(w *world, renewed bool) {
		again, fresh := in, 30
		if renewed {
			again, fresh = newInbox(w.t), 0
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
		closeFlushed(w.t, w, c)
		last := acking(w.t)
		w.consume(30, last)
		last.waitForAll(30)
	}
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
