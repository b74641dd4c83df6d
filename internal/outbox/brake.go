package outbox

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// brakeReason is why nothing more is taken from the broker.
type brakeReason uint8

const (
	brakeBytes    brakeReason = iota // the byte budget is used up
	brakeRoom                        // free space is below the floor
	brakeStop                        // stopping
	brakeEvacuate                    // what waits is given back to the broker
	numBrakes
)

var brakeNames = [numBrakes]string{"memory budget is used up", "free space is below local-min-free", "stopping", "evacuating"}

// brake stops consuming while there is a reason to. AMQP has no credit in bytes, so the consumer is cancelled and consumes again.
type brake struct {
	mu      sync.Mutex
	on      [numBrakes]bool
	changed chan struct{}
	doubted atomic.Bool // somebody else has told the consumer something
}

func newBrake() *brake { return &brake{changed: make(chan struct{}, 1)} }

func (b *brake) press(r brakeReason)   { b.set(r, true) }
func (b *brake) release(r brakeReason) { b.set(r, false) }

func (b *brake) set(r brakeReason, on bool) {
	b.mu.Lock()
	differs := b.on[r] != on
	b.on[r] = on
	b.mu.Unlock()
	if differs {
		b.tell()
	}
}

func (b *brake) tell() {
	select {
	case b.changed <- struct{}{}:
	default:
	}
}

// claim presses the brake for a reason. False: it is pressed for that already.
func (b *brake) claim(r brakeReason) bool {
	b.mu.Lock()
	taken := b.on[r]
	b.on[r] = true
	b.mu.Unlock()
	if !taken {
		b.tell()
	}
	return !taken
}

// doubt has the consumer told what holds once more, whatever it has been told by somebody else.
func (b *brake) doubt() {
	b.doubted.Store(true)
	b.tell()
}

// trusted says that there was no doubt since it was asked last.
func (b *brake) trusted() bool { return !b.doubted.Swap(false) }

func (b *brake) isOn(r brakeReason) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.on[r]
}

// free says that nothing holds the brake.
func (b *brake) free() bool { return b.reason() == "" }

func (b *brake) reason() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for r, on := range b.on {
		if on {
			return brakeNames[r]
		}
	}
	return ""
}

// brakeWait bounds a pause or resume on a broker that does not answer; it is tried again.
const (
	brakeWait  = 10 * time.Second
	brakeAgain = time.Second
)

// runBrake makes the consumer follow the brake until ctx ends. After a failure nobody knows what the consumer does, so it is told
// again, even when the wish has changed back meanwhile.
func (e *Engine) runBrake(ctx context.Context) {
	held, sure := false, true
	for {
		sure = e.brake.trusted() && sure
		reason := e.brake.reason()
		var again <-chan time.Time
		if wish := reason != ""; wish != held || !sure {
			err := e.applyBrake(ctx, reason)
			held, sure = wish, err == nil
			if err != nil {
				e.log.Warn("consuming could not be stopped or started, trying again", "error", err)
				again = time.After(brakeAgain)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-again:
		case <-e.brake.changed:
		}
	}
}

func (e *Engine) applyBrake(ctx context.Context, reason string) error {
	ctx, cancel := context.WithTimeout(ctx, brakeWait)
	defer cancel()
	if reason == "" {
		e.log.Info("consuming from the outbox goes on")
		return e.input().Resume(ctx)
	}
	if reason == brakeNames[brakeRoom] {
		e.log.Error("consuming from the outbox stops", "reason", reason)
	}
	err := e.input().Pause(ctx)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// checkRoom looks at the free space.
func (e *Engine) checkRoom() {
	if e.o.Room != nil {
		e.brake.set(brakeRoom, e.o.Room() != nil)
	}
}
