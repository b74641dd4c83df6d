package amqp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"posthoorn/internal/broker"
)

// consumer is all channels that read one queue.
type consumer struct {
	b       *Broker
	first   uint32 // number of the first intake
	intakes []*intake
	stop    context.CancelFunc
	running sync.WaitGroup
}

// Consume starts to read queue with as many connections as consumers says, each with its own credit (1 to 65535 deliveries). It
// returns at once; connections are made, and made again, by themselves.
func (b *Broker) Consume(queue string, consumers, credit int, h broker.Handler) (broker.Consumer, error) {
	if consumers < 1 || credit < 1 || credit > maxCredit {
		return nil, fmt.Errorf("cannot consume %s with %d consumers and a credit of %d", queue, consumers, credit)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, broker.ErrClosed
	}
	c := &consumer{b: b, first: b.channels.Add(uint32(consumers)) - uint32(consumers) + 1}
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	for i := range consumers {
		in := newIntake(b, c.first+uint32(i), queue, credit, h)
		c.intakes = append(c.intakes, in)
		c.running.Go(func() { in.run(ctx) })
	}
	b.consumers[c] = struct{}{}
	return c, nil
}

func (c *consumer) of(t broker.Ticket) *intake {
	if i := t.Channel - c.first; int64(i) < int64(len(c.intakes)) {
		return c.intakes[i]
	}
	return nil
}

// Ack takes a delivery off the queue. It never waits.
func (c *consumer) Ack(t broker.Ticket) {
	if in := c.of(t); in != nil {
		in.settle(t.Epoch, t.Tag, tagAcked)
	}
}

// Nack gives a delivery back. It never waits.
func (c *consumer) Nack(t broker.Ticket) {
	if in := c.of(t); in != nil {
		in.settle(t.Epoch, t.Tag, tagReturned)
	}
}

// Pause stops deliveries on all channels; after it none is handed out.
func (c *consumer) Pause(ctx context.Context) error {
	return c.each(func(in *intake) error { return in.pause(ctx) })
}

// Resume starts them again.
func (c *consumer) Resume(ctx context.Context) error {
	return c.each(func(in *intake) error { return in.resume(ctx) })
}

// Flush proves all acks up to now. It fails when that cannot be known: a channel is not connected, or was lost with acks under
// way.
func (c *consumer) Flush(ctx context.Context) error {
	return c.each(func(in *intake) error { return in.flush(ctx) })
}

// Connected says that one channel at least has its connection.
func (c *consumer) Connected() bool {
	return slices.ContainsFunc(c.intakes, func(in *intake) bool { return in.stream.Load() != nil })
}

func (c *consumer) each(f func(*intake) error) error {
	results := make(chan error, len(c.intakes))
	for _, in := range c.intakes {
		go func() { results <- f(in) }()
	}
	var all []error
	for range c.intakes {
		all = append(all, <-results)
	}
	return errors.Join(all...)
}

// Close ends the consumption within a few seconds, whatever the broker does. Open tickets are given back.
func (c *consumer) Close() error {
	c.stop()
	c.running.Wait()
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	delete(c.b.consumers, c)
	return nil
}
