package local

import (
	"context"
	"sync"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/localqueue"
)

// Consumer hands out the messages of one queue. Beside broker.Consumer it lets a settlement be part of a larger commit: AckIn,
// MoveIn and Settled.
type Consumer struct {
	broker *Broker
	store  *localqueue.Store
	queue  string
	credit int
	h      broker.Handler
	epoch  uint64 // of every ticket: the queue cannot be lost while this consumption lives
	number uint32 // of the channel

	mu     sync.Mutex
	out    map[uint64]struct{} // handed out and not settled
	paused bool
	wake   chan struct{}

	delivering sync.Mutex // held from taking messages until the handler has them

	cancel context.CancelFunc
	once   sync.Once
	done   chan struct{}
}

func newConsumer(b *Broker, queue string, credit int, h broker.Handler) *Consumer {
	ctx, cancel := context.WithCancel(context.Background())
	c := &Consumer{
		broker: b, store: b.store, queue: queue, credit: credit, h: h, epoch: uint64(time.Now().UnixNano()), number: b.channels, out: map[uint64]struct{}{},
		wake: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{}),
	}
	go c.run(ctx)
	return c
}

// shareInterval is how long a signal may stay unseen that another consumer of the queue took and could not use.
const shareInterval = 100 * time.Millisecond

// gather is how many messages are taken at a time, so that one look at the store serves many.
const gather = 100

func (c *Consumer) run(ctx context.Context) {
	defer close(c.done)
	ready := c.store.Ready(c.queue)
	share := time.NewTicker(shareInterval)
	defer share.Stop()
	var taken []localqueue.Taken
	for {
		for ctx.Err() == nil {
			if taken = c.round(taken[:0]); len(taken) == 0 {
				break
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ready:
		case <-share.C:
		case <-c.wake:
		}
	}
}

// round hands out what the credit allows.
func (c *Consumer) round(taken []localqueue.Taken) []localqueue.Taken {
	c.delivering.Lock()
	defer c.delivering.Unlock()
	taken = c.take(taken)
	for i := range taken {
		c.deliver(&taken[i])
		taken[i].Body = nil // the handler's alone from here on
	}
	return taken
}

// take takes what the credit allows.
func (c *Consumer) take(dst []localqueue.Taken) []localqueue.Taken {
	c.mu.Lock()
	defer c.mu.Unlock()
	room := min(gather, c.credit-len(c.out))
	if c.paused || room <= 0 {
		return dst
	}
	dst = c.store.Take(c.queue, room, dst)
	for i := range dst {
		c.out[dst[i].Seq] = struct{}{}
	}
	return dst
}

func (c *Consumer) deliver(t *localqueue.Taken) {
	c.h.Deliver(broker.Delivery{
		Body: t.Body, Redelivered: t.Redelivered, Size: len(t.Body), Ticket: broker.Ticket{Epoch: c.epoch, Tag: t.Seq, Channel: c.number},
	})
}

// settle takes a ticket off the books; false: it is not open.
func (c *Consumer) settle(t broker.Ticket) bool {
	c.mu.Lock()
	_, open := c.out[t.Tag]
	open = open && c.mine(t)
	if open {
		delete(c.out, t.Tag)
	}
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return open
}

func (c *Consumer) mine(t broker.Ticket) bool { return t.Epoch == c.epoch && t.Channel == c.number }

func (c *Consumer) open(t broker.Ticket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, open := c.out[t.Tag]
	return open && c.mine(t)
}

// Ack removes a delivery. One that cannot be removed because the disk fails comes again after the restart.
func (c *Consumer) Ack(t broker.Ticket) {
	if !c.settle(t) {
		return
	}
	b := new(localqueue.Batch)
	b.Ack(c.queue, t.Tag)
	c.store.Commit(b, func(error) {})
}

// AckIn adds the removal of a delivery to b; Settled follows when b is durable. ErrClosed: it has gone back, and b is worth nothing.
func (c *Consumer) AckIn(b *localqueue.Batch, t broker.Ticket) error {
	if !c.open(t) {
		return broker.ErrClosed
	}
	b.Ack(c.queue, t.Tag)
	return nil
}

// MoveIn adds to b that a delivery goes to wait; the rest is as with AckIn.
func (c *Consumer) MoveIn(b *localqueue.Batch, t broker.Ticket, w localqueue.Waiting) error {
	if !c.open(t) {
		return broker.ErrClosed
	}
	b.Move(c.queue, t.Tag, w)
	return nil
}

// Settled gives the credit of a delivery free.
func (c *Consumer) Settled(t broker.Ticket) { c.settle(t) }

// Nack gives a delivery back.
func (c *Consumer) Nack(t broker.Ticket) {
	if c.open(t) {
		c.store.Back(c.queue, t.Tag)
		c.settle(t)
	}
}

// Pause stops deliveries; what is out stays out. When it returns nothing more comes. The handler may not call it.
func (c *Consumer) Pause(context.Context) error {
	err := c.setPaused(true)
	c.delivering.Lock() // waits for the round under way
	defer c.delivering.Unlock()
	return err
}

// Resume starts them again.
func (c *Consumer) Resume(context.Context) error { return c.setPaused(false) }

func (c *Consumer) setPaused(on bool) error {
	c.mu.Lock()
	c.paused = on
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return nil
}

// Connected is always so: the queue is in this process.
func (c *Consumer) Connected() bool { return true }

// Flush waits until everything committed so far is on disk.
func (c *Consumer) Flush(ctx context.Context) error {
	return translate(c.store.Do(ctx, new(localqueue.Batch)))
}

// Close stops the consumption and gives back what is out, but for what is being settled.
func (c *Consumer) Close() error {
	c.once.Do(func() {
		c.cancel()
		<-c.done
		_ = c.Flush(context.Background()) // behind all that is on its way; a store that has failed is past that
		c.broker.forget(c)
		c.mu.Lock()
		defer c.mu.Unlock()
		for seq := range c.out {
			c.store.Back(c.queue, seq)
		}
		clear(c.out)
	})
	return nil
}
