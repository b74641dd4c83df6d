package amqp

import (
	"context"
	"slices"
	"sync"

	"posthoorn/internal/broker"
)

// gate bounds what waits somewhere. Who comes while it is full waits in order of arrival. What belongs together enters as one
// when there is any room, so that nobody waits with a part in hand; the bound is passed by that much at most.
type gate struct {
	mu      sync.Mutex
	limit   int
	used    int
	waiters []*waiter
	closed  bool
}

type waiter struct {
	n    int
	in   bool          // it has its places
	wake chan struct{} // closed when it may enter, or when the gate was closed
}

// enter waits for room and takes n places. It fails with the error of ctx or broker.ErrClosed.
func (g *gate) enter(ctx context.Context, n int) error {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return broker.ErrClosed
	}
	if g.used < g.limit && len(g.waiters) == 0 {
		g.used += n
		g.mu.Unlock()
		return nil
	}
	w := &waiter{n: n, wake: make(chan struct{})}
	g.waiters = append(g.waiters, w)
	g.mu.Unlock()
	select {
	case <-w.wake:
	case <-ctx.Done():
	}
	return g.after(ctx, w)
}

// after decides what a wait has brought: places that were given count, whatever happened meanwhile.
func (g *gate) after(ctx context.Context, w *waiter) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case w.in:
		return nil
	case g.closed:
		return broker.ErrClosed
	}
	i := slices.Index(g.waiters, w)
	g.waiters = slices.Delete(g.waiters, i, i+1)
	return ctx.Err()
}

// force takes n places whether there is room or not.
func (g *gate) force(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.used += n
}

// leave gives n places back.
func (g *gate) leave(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.used -= n
	for g.used < g.limit && len(g.waiters) > 0 {
		w := g.waiters[0]
		g.waiters = slices.Delete(g.waiters, 0, 1)
		g.used += w.n
		w.in = true
		close(w.wake)
	}
}

// shut refuses everybody, those who wait included.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	g.closed = true
	for _, w := range g.waiters {
		close(w.wake)
	}
	g.waiters = nil
}

// inside is how many places are taken.
func (g *gate) inside() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.used
}
