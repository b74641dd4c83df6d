package amqp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"posthoorn/internal/broker"
)

const (
	maxNames       = 10_000           // of queues that are remembered
	failureTTL     = time.Second      // how long a queue that cannot be reached is not asked for again
	resolveTimeout = 10 * time.Second // for one declare on behalf of a publishing
)

// directory remembers which queues exist.
type directory struct {
	mu    sync.RWMutex
	names map[string]*name
}

type name struct {
	ready bool
	held  int // sendings that wait for it: who comes later may not overtake them
	err   error
	until time.Time // err counts till then
}

// look reports whether everything may be published at once, or why it cannot be.
func (d *directory) look(s *sending) (bool, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	ready := true
	for i := range s.entries {
		e := &s.entries[i]
		if e.handover != "" {
			continue
		}
		n := d.names[e.queue]
		switch {
		case n == nil:
			ready = false
		case n.err != nil && n.held == 0 && time.Now().Before(n.until):
			return false, n.err
		case !n.ready || n.held > 0:
			ready = false
		}
	}
	return ready, nil
}

// hold notes that a sending waits for its queues; release ends that.
func (d *directory) hold(s *sending) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range s.entries {
		d.get(s.entries[i].queue).held++
	}
}

func (d *directory) release(s *sending) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range s.entries {
		d.get(s.entries[i].queue).held--
	}
}

// get needs d.mu.
func (d *directory) get(queue string) *name {
	n := d.names[queue]
	if n != nil {
		return n
	}
	if len(d.names) >= maxNames {
		for other, old := range d.names {
			if old.held == 0 {
				delete(d.names, other)
				break
			}
		}
	}
	n = new(name)
	d.names[queue] = n
	return n
}

// known is what look says, of one queue.
func (d *directory) known(queue string) (bool, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	n := d.names[queue]
	if n == nil {
		return false, nil
	}
	if n.err != nil && time.Now().Before(n.until) {
		return false, n.err
	}
	return n.ready, nil
}

// note remembers what a declare brought. Only what the broker itself said counts as an answer.
func (d *directory) note(queue string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.get(queue)
	n.ready, n.err = err == nil, nil
	if errors.Is(err, broker.ErrUnroutable) {
		n.err, n.until = err, time.Now().Add(failureTTL)
	}
}

// forget makes the next publishing look again.
func (d *directory) forget(queue string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.names[queue]; n != nil {
		n.ready = false
	}
}

func (d *directory) forgetAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.names {
		n.ready = false
	}
}

// hold lets a sending wait until its queues are declared. What waits there is bounded on its own, so that queues that are slow
// to declare do not stop those that are known.
func (b *Broker) hold(s *sending) {
	if err := b.holding.enter(s.ctx, 1); err != nil {
		s.done(err)
		return
	}
	b.names.hold(s)
	b.lane <- s // has room for all that the gate lets in
}

// resolve declares the queues of what is held, one sending after the other.
func (b *Broker) resolve(ctx context.Context) {
	for {
		select {
		case s := <-b.lane:
			err := b.declareFor(ctx, s)
			b.pass(s, err)
		case <-ctx.Done():
			b.holding.shut()
			b.drainLane()
			return
		}
	}
}

// pass sends on what was held. It does so before its names are released: nobody may overtake it.
func (b *Broker) pass(s *sending, err error) {
	if err == nil {
		p := b.pick()
		p.gate.force(len(s.entries))
		p.push(s)
	}
	b.names.release(s)
	b.holding.leave(1)
	if err != nil {
		s.done(err)
	}
}

// drainLane fails what is held when the broker closes. Whoever passed the gate will put its sending in.
func (b *Broker) drainLane() {
	for b.holding.inside() > 0 {
		b.pass(<-b.lane, broker.ErrClosed)
	}
}

func (b *Broker) declareFor(ctx context.Context, s *sending) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	for i := range s.entries {
		queue := s.entries[i].queue
		ready, err := b.names.known(queue)
		if err != nil {
			return err
		}
		if ready || s.entries[i].handover != "" {
			continue
		}
		bounded, cancel := context.WithTimeout(ctx, resolveTimeout)
		err = b.topology.ensure(bounded, queue)
		cancel()
		b.names.note(queue, err)
		if err != nil && ctx.Err() != nil {
			return broker.ErrClosed
		}
		if err != nil {
			return fmt.Errorf("queue %s: %w", queue, err)
		}
	}
	return nil
}
