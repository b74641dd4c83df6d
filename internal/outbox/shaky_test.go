package outbox

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"posthoorn/internal/broker"
)

// shaky is a broker in memory that could be on another machine: its channels break, and then what was in hand there comes again, maybe
// over another channel and before anybody has heard of it; confirms get lost; sometimes it takes nothing.
type shaky struct {
	mu      sync.Mutex
	random  *rand.Rand
	epoch   uint64
	blocked bool
	calm    bool
	queues  map[string][]shakyMessage
	sending int       // whose answer is not given
	quiet   sync.Cond // with mu: there is none
}

type shakyMessage struct {
	body  []byte
	id    string
	again bool
}

func newShaky(seed uint64) *shaky {
	b := &shaky{random: rand.New(rand.NewPCG(seed, 1)), queues: map[string][]shakyMessage{}}
	b.quiet.L = &b.mu
	return b
}

// chance is true with probability p, while the broker may be shaky; mu is held.
func (b *shaky) chance(p float64) bool { return !b.calm && b.random.Float64() < p }

var errLostConfirm = errors.New("connection lost")

// Send tells some time later. What fails may be in its queue all the same, as when a confirm is lost; but not in the outbox, where that
// would be another message.
func (b *shaky) Send(_ context.Context, ps []broker.Publishing, done broker.Done) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fails, wait := b.chance(0.02), time.Duration(b.random.IntN(2000))*time.Microsecond
	for _, p := range ps {
		if !fails || p.Queue != "outbox" && b.chance(0.5) {
			b.queues[p.Queue] = append(b.queues[p.Queue], shakyMessage{body: p.Body, id: p.ID})
		}
	}
	b.sending++
	time.AfterFunc(wait, func() {
		if fails {
			done(errLostConfirm)
		} else {
			done(nil)
		}
		b.set(func(b *shaky) {
			if b.sending--; b.sending == 0 {
				b.quiet.Broadcast()
			}
		})
	})
}

// read takes all that is in a queue.
func (b *shaky) read(queue string) []shakyMessage {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.queues[queue]
	b.queues[queue] = nil
	return list
}

func (b *shaky) Count(context.Context, string) (int, int, error) { return 0, 0, nil }
func (b *shaky) Declare(context.Context, ...string) error        { return nil }
func (b *shaky) Blocked() (string, bool)                         { b.mu.Lock(); defer b.mu.Unlock(); return "alarm", b.blocked }
func (b *shaky) set(change func(b *shaky))                       { b.mu.Lock(); defer b.mu.Unlock(); change(b) }

// Close waits for the answers that are to come; who does not care for his may send more.
func (b *shaky) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.sending > 0 {
		b.quiet.Wait()
	}
	return nil
}

func (b *shaky) Consume(queue string, consumers, credit int, h broker.Handler) (broker.Consumer, error) {
	c := &shakyConsumer{b: b, queue: queue, credit: credit, h: h, closed: make(chan struct{})}
	for i := range consumers {
		ch := &shakyChannel{number: uint32(i), out: map[uint64]shakyMessage{}}
		c.channels = append(c.channels, ch)
		b.set(func(b *shaky) { b.epoch++; ch.epoch = b.epoch })
		c.running.Go(func() { c.run(ch) })
	}
	return c, nil
}

// shakyConsumer consumes over some channels; all is guarded by b.mu.
type shakyConsumer struct {
	b        *shaky
	queue    string
	credit   int
	h        broker.Handler
	paused   bool
	channels []*shakyChannel
	closed   chan struct{}
	running  sync.WaitGroup
}

type shakyChannel struct {
	number uint32
	epoch  uint64
	tag    uint64
	out    map[uint64]shakyMessage
}

// run is what delivers on one channel, and tells when that has broken.
func (c *shakyConsumer) run(ch *shakyChannel) {
	for {
		select {
		case <-c.closed:
			return
		case <-time.After(time.Millisecond):
		}
		for d, ok := c.next(ch); ok; d, ok = c.next(ch) {
			c.h.Deliver(d)
		}
		if lost := c.lose(ch); lost > 0 {
			c.h.Lost(ch.number, lost)
			c.b.set(func(b *shaky) { b.epoch++; ch.epoch = b.epoch })
		}
	}
}

func (c *shakyConsumer) next(ch *shakyChannel) (d broker.Delivery, ok bool) {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	ready := c.b.queues[c.queue]
	if c.paused || len(ready) == 0 || len(ch.out) >= c.credit || c.b.chance(0.01) {
		return d, false
	}
	c.b.queues[c.queue] = ready[1:]
	ch.tag++
	ch.out[ch.tag] = ready[0]
	ticket := broker.Ticket{Epoch: ch.epoch, Tag: ch.tag, Channel: ch.number}
	return broker.Delivery{Body: ready[0].body, Redelivered: ready[0].again, Ticket: ticket, Size: len(ready[0].body)}, true
}

// lose breaks a channel now and then: its epoch, of whose tickets nothing is heard any more, or 0.
func (c *shakyConsumer) lose(ch *shakyChannel) (epoch uint64) {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	if !c.b.chance(0.005) {
		return 0
	}
	epoch, ch.epoch = ch.epoch, 0
	c.requeue(ch)
	return epoch
}

// requeue gives back what is out; mu is held.
func (c *shakyConsumer) requeue(ch *shakyChannel) {
	for _, m := range ch.out {
		m.again = true
		c.b.queues[c.queue] = slices.Insert(c.b.queues[c.queue], 0, m)
	}
	clear(ch.out)
}

// settle ends a ticket that is open. Sometimes the channel breaks before the broker hears of it.
func (c *shakyConsumer) settle(t broker.Ticket, back bool) {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	ch := c.channels[t.Channel]
	m, open := ch.out[t.Tag]
	if !open || ch.epoch != t.Epoch {
		return
	}
	delete(ch.out, t.Tag)
	if back {
		m.again = true
		c.b.queues[c.queue] = slices.Insert(c.b.queues[c.queue], 0, m)
	}
}

func (c *shakyConsumer) Ack(t broker.Ticket)  { c.settle(t, false) }
func (c *shakyConsumer) Nack(t broker.Ticket) { c.settle(t, true) }

func (c *shakyConsumer) Pause(context.Context) error {
	c.b.set(func(*shaky) { c.paused = true })
	return nil
}
func (c *shakyConsumer) Resume(context.Context) error {
	c.b.set(func(*shaky) { c.paused = false })
	return nil
}
func (c *shakyConsumer) Connected() bool             { return true }
func (c *shakyConsumer) Flush(context.Context) error { return nil }

func (c *shakyConsumer) Close() error {
	close(c.closed)
	c.running.Wait()
	c.b.set(func(*shaky) {
		for _, ch := range c.channels {
			c.requeue(ch)
			ch.epoch = 0
		}
	})
	return nil
}
