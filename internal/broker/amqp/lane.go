package amqp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"posthoorn/internal/broker"
)

// resolveTimeout is for one declare on behalf of a publishing. One that takes longer fails, so that it does not stop the others.
const resolveTimeout = 10 * time.Second

// lane is where sendings wait, in order, for queues that are not known yet. What waits there is bounded on its own, so that queues
// that are slow to declare do not stop those that are known.
type lane struct {
	gate gate
	more chan struct{} // something is in it

	mu      sync.Mutex // guards the sendings in it, too
	waiting []*sending // the first is the one at work
}

// hold lets a sending wait until its queues are declared.
func (b *Broker) hold(s *sending) {
	if err := b.lane.gate.enter(s.ctx, 1); err != nil {
		go s.done(b.publishers[0].explain(err))
		return
	}
	b.names.hold(s)
	b.lane.mu.Lock()
	b.lane.waiting = append(b.lane.waiting, s)
	b.lane.mu.Unlock()
	poke(b.lane.more)
}

// resolve declares the queues of what is held, one sending after the other.
func (b *Broker) resolve(ctx context.Context) {
	for {
		select {
		case <-b.lane.more:
		case <-ctx.Done():
			b.emptyLane()
			return
		}
		for s := b.lane.first(); s != nil; s = b.lane.first() {
			b.leaveLane(s, b.declareFor(ctx, s))
		}
	}
}

func (l *lane) first() *sending {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		return nil
	}
	return l.waiting[0]
}

// leaveLane sends on what was held, or fails it. It does so before its names are released: nobody may overtake it.
func (b *Broker) leaveLane(s *sending, err error) {
	b.lane.mu.Lock()
	i := slices.Index(b.lane.waiting, s)
	if i >= 0 {
		b.lane.waiting = slices.Delete(b.lane.waiting, i, i+1)
	}
	b.lane.mu.Unlock()
	if i < 0 {
		return // somebody was faster
	}
	if err == nil {
		p := b.pick()
		p.gate.force(len(s.entries))
		p.push(s)
	}
	b.names.release(s)
	b.lane.gate.leave(1)
	if err != nil {
		s.done(err)
	}
}

// sweepLane fails what waits there for too long.
func (b *Broker) sweepLane(now time.Time) {
	b.lane.mu.Lock()
	var late []*sending
	for _, s := range b.lane.waiting {
		if s.expired(now) != nil {
			late = append(late, s)
		}
	}
	b.lane.mu.Unlock()
	for _, s := range late {
		b.leaveLane(s, b.publishers[0].explain(s.expired(now)))
	}
}

// emptyLane fails all that is held when the broker closes. Whoever has passed the gate already will put its sending in.
func (b *Broker) emptyLane() {
	b.lane.gate.shut()
	for b.lane.gate.inside() > 0 {
		for s := b.lane.first(); s != nil; s = b.lane.first() {
			b.leaveLane(s, broker.ErrClosed)
		}
		if b.lane.gate.inside() > 0 {
			<-b.lane.more
		}
	}
}

// declareFor makes the queues of a sending. A broker that cannot be reached is tried again for as long as the sending may wait;
// only what the broker says is a failure.
func (b *Broker) declareFor(ctx context.Context, s *sending) error {
	both, cancel := context.WithCancel(s.ctx)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	var pace backoff
	for i := 0; i < len(s.entries); {
		err := b.know(both, &s.entries[i])
		switch {
		case err == nil:
			i++
		case ctx.Err() != nil:
			return broker.ErrClosed
		case errors.Is(err, broker.ErrUnroutable), both.Err() != nil, errors.Is(err, context.DeadlineExceeded):
			return fmt.Errorf("queue %s: %w", s.entries[i].queue, err)
		case b.isLate(s):
			return context.DeadlineExceeded
		default:
			b.cluster.report("topology", err)
			_ = pace.wait(both)
		}
	}
	return nil
}

func (b *Broker) isLate(s *sending) bool { return s.expired(time.Now()) != nil }

// know makes the queue of one entry, unless it is known by now.
func (b *Broker) know(ctx context.Context, e *entry) error {
	ready, err := b.names.known(e.queue)
	if ready || err != nil || e.handover != "" {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	err = b.topology.ensure(bounded, e.queue)
	b.names.note(e.queue, err)
	return err
}
