package brokertest

import (
	"sync"
	"testing"
	"time"

	"posthoorn/internal/broker"
)

// delivery is one that came, with the number of its message.
type delivery struct {
	broker.Delivery
	number int
}

// inbox is a handler that keeps what comes and can settle by itself.
type inbox struct {
	t *testing.T

	mu      sync.Mutex
	changed sync.Cond
	ready   chan struct{} // closed when the consumer is known
	c       broker.Consumer
	got     []delivery
	seen    map[int]int                     // deliveries of a number
	open    map[broker.Ticket]delivery      // what is out
	most    int                             // of them at any time
	lost    int                             // calls of Lost
	on      func(broker.Consumer, delivery) // called for each, from the adapter's goroutine
}

func newInbox(t *testing.T) *inbox {
	in := &inbox{t: t, seen: map[int]int{}, open: map[broker.Ticket]delivery{}, ready: make(chan struct{})}
	in.changed.L = &in.mu
	return in
}

// acking is an inbox that acks everything at once.
func acking(t *testing.T) *inbox {
	in := newInbox(t)
	in.on = func(c broker.Consumer, d delivery) { in.ack(c, d) }
	return in
}

func (in *inbox) attach(c broker.Consumer) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.c = c
	select {
	case <-in.ready:
	default:
		close(in.ready)
	}
}

// Deliver keeps d. Nothing is settled before the consumer is known.
func (in *inbox) Deliver(d broker.Delivery) {
	n, err := numberOf(d.Body)
	if err != nil || d.Err != nil {
		in.t.Errorf("delivery: %v, %v", err, d.Err)
	}
	<-in.ready
	in.mu.Lock()
	if _, twice := in.open[d.Ticket]; twice {
		in.t.Errorf("ticket %v came twice", d.Ticket)
	}
	in.got = append(in.got, delivery{d, n})
	in.seen[n]++
	in.open[d.Ticket] = delivery{d, n}
	in.most = max(in.most, in.openOn(d.Ticket.Channel))
	c, on := in.c, in.on
	in.changed.Broadcast()
	in.mu.Unlock()
	if on != nil {
		on(c, delivery{d, n})
	}
}

// openOn needs in.mu.
func (in *inbox) openOn(channel uint32) int {
	n := 0
	for t := range in.open {
		if t.Channel == channel {
			n++
		}
	}
	return n
}

// Lost drops the tickets that are stale.
func (in *inbox) Lost(channel uint32, epoch uint64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.lost++
	for t := range in.open {
		if t.Channel == channel && t.Epoch <= epoch {
			delete(in.open, t)
		}
	}
	in.changed.Broadcast()
}

// ack settles d; the ticket counts as closed before the adapter hears of it.
func (in *inbox) ack(c broker.Consumer, d delivery) {
	in.forget(d)
	c.Ack(d.Ticket)
}

func (in *inbox) nack(c broker.Consumer, d delivery) {
	in.forget(d)
	c.Nack(d.Ticket)
}

func (in *inbox) forget(d delivery) {
	in.mu.Lock()
	defer in.mu.Unlock()
	delete(in.open, d.Ticket)
}

// wait waits until ready says so, with in.mu held.
func (in *inbox) wait(what string, ready func() bool) {
	in.t.Helper()
	alarm := time.AfterFunc(Patience, func() {
		in.mu.Lock()
		defer in.mu.Unlock()
		in.changed.Broadcast()
	})
	defer alarm.Stop()
	deadline := time.Now().Add(Patience)
	in.mu.Lock()
	defer in.mu.Unlock()
	for !ready() {
		if time.Now().After(deadline) {
			in.t.Fatalf("waiting for %s: %d deliveries of %d messages came, %d are out", what, len(in.got), len(in.seen), len(in.open))
		}
		in.changed.Wait()
	}
}

// waitFor waits for n deliveries.
func (in *inbox) waitFor(n int) {
	in.t.Helper()
	in.wait("deliveries", func() bool { return len(in.got) >= n })
}

// waitForAll waits until every number below n was seen.
func (in *inbox) waitForAll(n int) {
	in.t.Helper()
	in.wait("all messages", func() bool {
		if len(in.seen) < n {
			return false
		}
		for i := range n {
			if in.seen[i] == 0 {
				return false
			}
		}
		return true
	})
}

// each calls f for all that came.
func (in *inbox) each(f func(delivery)) {
	for _, d := range in.all() {
		f(d)
	}
}

func (in *inbox) all() []delivery {
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]delivery(nil), in.got...)
}

func (in *inbox) count() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.got)
}

// losses is how often Lost was called.
func (in *inbox) losses() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.lost
}

func (in *inbox) mostOpen() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.most
}
