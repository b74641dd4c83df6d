package dns

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

// gate bounds the lookups on their way. A lookup gets one of `capacity` places and keeps it while it is fast; when it
// has had no answer for a moment it moves to the slow ones and its place is free. There is room for nine times as many
// slow ones; beyond that the one that has waited longest is given up. So names that never answer take no place from
// names that do (F15), and sockets stay bounded at ten times the capacity.
type gate struct {
	places   chan struct{}
	maxSlow  int
	patience time.Duration

	mu   sync.Mutex
	slow *list.List // of context.CancelCauseFunc, oldest first
}

var errCrowded = errors.New("no answer, and too many other lookups wait")

// patience is longer than almost every answer takes, and short enough that a thousand dead names pass in seconds.
const patience = 400 * time.Millisecond

func newGate(capacity int) *gate {
	return &gate{places: make(chan struct{}, capacity), maxSlow: 9 * capacity, patience: patience, slow: list.New()}
}

// enter waits for a place. The context that it gives ends with ctx, or with errCrowded as its cause; leave is to be
// called once.
func (g *gate) enter(ctx context.Context) (context.Context, func(), error) {
	select {
	case g.places <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	v := &visit{gate: g, cancel: cancel}
	v.timer = time.AfterFunc(g.patience, v.becomeSlow)
	return ctx, v.leave, nil
}

// waiting is how many slow ones there are.
func (g *gate) waiting() float64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return float64(g.slow.Len())
}

type visit struct {
	gate   *gate
	cancel context.CancelCauseFunc
	timer  *time.Timer
	spot   *list.Element // among the slow ones
	gone   bool
}

func (v *visit) becomeSlow() {
	g := v.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if v.gone {
		return
	}
	<-g.places
	v.spot = g.slow.PushBack(v.cancel)
	if g.slow.Len() > g.maxSlow {
		oldest := g.slow.Front()
		g.slow.Remove(oldest)
		oldest.Value.(context.CancelCauseFunc)(errCrowded)
	}
}

func (v *visit) leave() {
	v.timer.Stop()
	v.gate.mu.Lock()
	v.gone = true
	if v.spot == nil {
		<-v.gate.places
	} else {
		v.gate.slow.Remove(v.spot) // does nothing if it has been given up
	}
	v.gate.mu.Unlock()
	v.cancel(nil)
}
