package brokertest

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"posthoorn/internal/broker"
)

// world is one adapter under test and a queue of its own.
type world struct {
	t     *testing.T
	f     Factory
	b     broker.Broker
	queue string
	rand  *rand.Rand
}

var number atomic.Uint64

func newWorld(t *testing.T, f Factory) *world {
	t.Helper()
	return newWorldOn(t, f, f.New(t))
}

func newWorldOn(t *testing.T, f Factory, b broker.Broker) *world {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	w := &world{t: t, f: f, b: b, queue: queueName(t), rand: rand.New(rand.NewPCG(seed, 1))}
	t.Cleanup(func() { _ = w.b.Close() })
	if err := b.Declare(w.ctx(), w.queue); err != nil {
		t.Fatal(err)
	}
	return w
}

// queueName is a name that no other test uses, in this run or another.
func queueName(t *testing.T) string {
	return fmt.Sprintf("%s-%d-%d", t.Name(), time.Now().UnixNano(), number.Add(1))
}

// ctx lasts as long as the test has patience.
func (w *world) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	w.t.Cleanup(cancel)
	return ctx
}

// suffer lets the fault happen. It reports whether consumers have to be made anew.
func (w *world) suffer(fault faultCase) bool {
	before := w.b
	w.b = fault.happen(w.t, before)
	return w.b != before
}

// body is a message with number i: recognisable, and checked by its own hash.
func body(i int, size int) []byte {
	b := make([]byte, max(size, 16))
	binary.BigEndian.PutUint64(b, uint64(i))
	for j := 16; j < min(len(b), 5000); j++ {
		b[j] = byte(i + j*j)
	}
	for j := 5000; j < len(b); j *= 2 {
		copy(b[j:], b[16:j])
	}
	h := fnv.New64a()
	_, _ = h.Write(b[:8])
	_, _ = h.Write(b[16:])
	binary.BigEndian.PutUint64(b[8:], h.Sum64())
	return b
}

// numberOf reads a body back.
func numberOf(b []byte) (int, error) {
	if len(b) < 16 {
		return 0, fmt.Errorf("body of %d bytes", len(b))
	}
	h := fnv.New64a()
	_, _ = h.Write(b[:8])
	_, _ = h.Write(b[16:])
	if h.Sum64() != binary.BigEndian.Uint64(b[8:]) {
		return 0, fmt.Errorf("body is damaged")
	}
	return int(binary.BigEndian.Uint64(b)), nil
}

// publish sends n messages numbered from first, and waits until all are durable.
func (w *world) publish(first, n, size int) {
	w.t.Helper()
	out := newOutcomes(w.t)
	for i := first; i < first+n; i++ {
		w.b.Send(w.ctx(), []broker.Publishing{{Queue: w.queue, Body: body(i, size), ID: fmt.Sprint("id", i)}}, out.done(i))
	}
	out.allFine(n)
}

// consume starts a consumer whose handler is in.
func (w *world) consume(credit int, in *inbox) broker.Consumer {
	w.t.Helper()
	return w.consumeMany(1, credit, in)
}

func (w *world) consumeMany(consumers, credit int, in *inbox) broker.Consumer {
	w.t.Helper()
	c, err := w.b.Consume(w.queue, consumers, credit, in)
	if err != nil {
		w.t.Fatal(err)
	}
	in.attach(c)
	w.t.Cleanup(func() { _ = c.Close() })
	return c
}

// empty asserts that the queue has no message left: one that is published last is the only one to come.
func (w *world) assertEmpty() {
	w.t.Helper()
	const last = 1 << 40
	w.publish(last, 1, 0)
	in := newInbox(w.t)
	c := w.consume(10, in)
	in.wait("the last message", func() bool { return in.seen[last] > 0 })
	in.each(func(d delivery) {
		if d.number != last {
			w.t.Errorf("message %d is still in the queue", d.number)
		}
		c.Ack(d.Ticket)
	})
	if err := c.Flush(w.ctx()); err != nil {
		w.t.Error(err)
	}
	if err := c.Close(); err != nil {
		w.t.Error(err)
	}
}
