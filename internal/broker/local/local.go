// Package local is the embedded message queue: the promises of package broker, kept with the local queue of this process
// (queues.md section 10). A publishing is confirmed when it is on disk; publishes that wait share one sync; queues come into
// being on first use; what was handed out comes again after a restart.
//
// Each consumption runs one goroutine, until Close.
package local

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/localqueue"
)

// Broker is the embedded queue as a broker. It does not own the store.
type Broker struct {
	store *localqueue.Store

	mu        sync.Mutex
	closed    bool
	consumers map[*Consumer]struct{}
	channels  uint32
}

// New makes a broker of an open store.
func New(store *localqueue.Store) *Broker {
	return &Broker{store: store, consumers: map[*Consumer]struct{}{}}
}

// Send puts all publishings into their queues in one commit. It blocks while too much waits for the disk; ctx is not looked at,
// since that wait always ends.
func (b *Broker) Send(_ context.Context, ps []broker.Publishing, done broker.Done) {
	if b.isClosed() {
		done(broker.ErrClosed)
		return
	}
	batch := new(localqueue.Batch)
	now := time.Now()
	for i := range ps {
		p := &ps[i]
		if p.Queue == "" || len(p.Queue) > maxName {
			done(broker.ErrUnroutable)
			return
		}
		batch.Publish(p.Queue, localqueue.Message{Body: p.Body, Priority: p.Priority, ID: p.ID, Published: now})
	}
	b.store.Commit(batch, func(err error) { done(translate(err)) })
}

// translate says it in the words of package broker.
func translate(err error) error {
	switch {
	case errors.Is(err, localqueue.ErrTooLarge):
		return errors.Join(broker.ErrTooBig, err)
	case errors.Is(err, localqueue.ErrClosed):
		return errors.Join(broker.ErrClosed, err)
	}
	return err
}

// maxName is the longest name of a queue, as in AMQP, so that messages go to either engine.
const maxName = 255

func (b *Broker) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

// Consume starts a consumption with a credit of consumers times credit.
func (b *Broker) Consume(queue string, consumers, credit int, h broker.Handler) (broker.Consumer, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, broker.ErrClosed
	}
	b.channels++
	c := newConsumer(b, queue, max(consumers, 1)*credit, h)
	b.consumers[c] = struct{}{}
	return c, nil
}

func (b *Broker) forget(c *Consumer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.consumers, c)
}

// Declare has nothing to do: a queue is made on first use.
func (b *Broker) Declare(context.Context, ...string) error { return nil }

// Blocked reports a store that has failed: nothing can be made durable any more.
func (b *Broker) Blocked() (string, bool) {
	if err := b.store.Err(); err != nil {
		return err.Error(), true
	}
	return "", false
}

// Close ends the consumptions and refuses what comes later. The store stays open: it belongs to somebody else.
func (b *Broker) Close() error {
	b.mu.Lock()
	b.closed = true
	list := slices.Collect(maps.Keys(b.consumers))
	b.mu.Unlock()
	var errs []error
	for _, c := range list {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
