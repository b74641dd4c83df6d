package amqp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"posthoorn/internal/broker"
)

// publisher is one connection for publishing, reopened whenever it breaks, and all that waits for it.
type publisher struct {
	b       *Broker
	purpose string
	gate    gate // of what is pending
	trouble atomic.Pointer[trouble]
	kick    chan struct{} // the window has a head again

	mu      sync.Mutex
	wake    sync.Cond // there is something to publish, room in the window, or the end of the session
	live    *session  // nil: not connected
	pending []*entry  // in order; what a broken connection left unconfirmed stands in front
	window  window
	marked  []uint64 // scratch of collect
	over    []*sending
	ended   bool
}

// trouble is why a publisher does not publish.
type trouble struct {
	reason string
	alarm  bool // the broker itself says so
}

func newPublisher(b *Broker, number int) *publisher {
	p := &publisher{b: b, purpose: fmt.Sprintf("publisher %d", number), kick: make(chan struct{}, 1)}
	p.gate.limit = b.o.Window
	p.wake.L = &p.mu
	p.trouble.Store(&trouble{reason: "no connection to the broker yet"})
	return p
}

// run keeps a session until ctx ends. What is left then fails with broker.ErrClosed.
func (p *publisher) run(ctx context.Context) {
	defer p.end()
	var pace backoff
	for first := true; ; first = false {
		s, err := p.connect(ctx, &pace)
		if err != nil {
			return
		}
		if !first {
			p.b.metrics.reconnects.Inc()
		}
		began := time.Now()
		err = s.serve(ctx)
		p.trouble.Store(&trouble{reason: "connection to the broker lost"})
		if ctx.Err() != nil {
			return
		}
		p.b.o.Logger.Warn("connection to the broker lost, unconfirmed messages will be published again", "for", p.purpose, "error", err)
		pace.worked(began)
		if err := pace.wait(ctx); err != nil {
			return
		}
	}
}

func (p *publisher) connect(ctx context.Context, pace *backoff) (*session, error) {
	for {
		l, err := p.b.cluster.keep(ctx, p.purpose, pace, func(err error) {
			p.trouble.Store(&trouble{reason: "broker cannot be reached: " + err.Error()})
		})
		if err != nil {
			return nil, err
		}
		s, err := newSession(p, l)
		if err == nil {
			return s, nil
		}
		l.close()
		p.b.cluster.report(p.purpose, err)
		if err := pace.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// push takes a sending over whose places at the gate are taken.
func (p *publisher) push(s *sending) {
	p.mu.Lock()
	if p.ended {
		s.settle(broker.ErrClosed)
		p.mu.Unlock()
		go s.done(broker.ErrClosed)
		return
	}
	for i := range s.entries {
		p.pending = append(p.pending, &s.entries[i])
	}
	p.wake.Signal()
	p.mu.Unlock()
}

// next waits for an entry that may go out on s; nil: s is over. The entry before it was published with confirm.
func (p *publisher) next(s *session, before *entry, confirm confirmation) *entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	if before != nil {
		before.confirm = confirm
		if p.window.head() == before {
			p.nudge()
		}
	}
	for p.live == s {
		p.skipOver()
		if len(p.pending) > 0 && p.window.open < p.b.o.Window {
			e := p.pending[0]
			p.pending[0] = nil
			p.pending = p.pending[1:]
			p.window.add(e)
			p.gate.leave(1)
			return e
		}
		p.wake.Wait()
	}
	return nil
}

// skipOver removes from the front what needs no publishing any more. It needs p.mu.
func (p *publisher) skipOver() {
	for len(p.pending) > 0 && p.pending[0].s.over {
		p.pending[0] = nil
		p.pending = p.pending[1:]
		p.gate.leave(1)
	}
}

// nudge tells the collector that the window has a head with a confirmation to wait for.
func (p *publisher) nudge() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

// finish notes the outcome of an entry; its Done is called by flush. It needs p.mu.
func (p *publisher) finish(e *entry, err error) {
	if e.s.settle(err) {
		p.over = append(p.over, e.s)
	}
}

// flush unlocks p.mu and calls the Done of all that have their outcome.
func (p *publisher) flush() {
	if len(p.over) == 0 {
		p.mu.Unlock()
		return
	}
	over := p.over
	p.over = nil
	p.mu.Unlock()
	for _, s := range over {
		s.done(s.err)
	}
	clear(over)
	p.mu.Lock()
	if p.over == nil {
		p.over = over[:0]
	}
	p.mu.Unlock()
}

// sweep ends sendings whose time is over, wherever they wait.
func (p *publisher) sweep(now time.Time) {
	p.mu.Lock()
	dead := false
	for _, e := range p.pending {
		dead = p.expire(e, now) || dead
	}
	for i := p.window.first; i < p.window.next; i++ {
		if e := *p.window.at(i); e != nil {
			p.expire(e, now)
		}
	}
	if dead {
		before := len(p.pending)
		p.pending = slices.DeleteFunc(p.pending, func(e *entry) bool { return e.s.over })
		p.gate.leave(before - len(p.pending))
	}
	p.flush()
}

func (p *publisher) expire(e *entry, now time.Time) bool {
	if e.s.over {
		return true
	}
	err := e.s.expired(now)
	if err == nil {
		return false
	}
	p.finish(e, p.explain(err))
	return true
}

// explain adds what the publisher knows to the error of a wait that ended too early.
func (p *publisher) explain(err error) error {
	t := p.trouble.Load()
	switch {
	case t == nil || errors.Is(err, broker.ErrClosed):
		return err
	case t.alarm:
		return fmt.Errorf("%w (%s): %w", broker.ErrBlocked, t.reason, err)
	}
	return fmt.Errorf("%s: %w", t.reason, err)
}

// requeue puts what a broken session left unconfirmed back to the front: it is published again, with the same message-id.
func (p *publisher) requeue(left []*entry) {
	front := make([]*entry, 0, len(left)+len(p.pending))
	for _, e := range left {
		switch {
		case e.s.over:
		case e.returned:
			p.finish(e, returned(e))
		default:
			p.b.metrics.resends.Inc()
			e.confirm = nil
			front = append(front, e)
		}
	}
	p.gate.force(len(front))
	p.pending = append(front, p.pending...)
}

// load is how much waits here.
func (p *publisher) load() int { return p.gate.inside() }

// empty reports whether nothing is pending or unconfirmed.
func (p *publisher) empty() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.pending) == 0 && p.window.open == 0
}

func (p *publisher) unconfirmed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.window.open
}

// end fails all that is left.
func (p *publisher) end() {
	p.gate.shut()
	p.mu.Lock()
	p.ended = true
	for _, e := range append(p.window.clear(), p.pending...) {
		p.finish(e, broker.ErrClosed)
	}
	p.pending = nil
	p.flush()
}

func returned(e *entry) error {
	return fmt.Errorf("%w: no queue %s behind exchange %q", broker.ErrUnroutable, e.queue, e.exchange)
}
