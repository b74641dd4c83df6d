package outbox

import (
	"context"
	"time"
)

// RetryNow makes all that waits for a destination due, retries and delayed mail included, and ends the outages of it that the plan
// knows: it goes as fast as limits and pauses allow. It returns how many were not due before.
func (e *Engine) RetryNow(ctx context.Context, destination string, progress func(int)) (int, error) {
	ctx, end := e.untilStop(ctx)
	defer end()
	// The outages end first: what comes while they last fails at once and waits for another interval.
	if err := e.inLoop(ctx, func(now time.Time) { e.loop.plan.Expedite(now, destination) }); err != nil {
		return 0, err
	}
	n, err := e.o.Waiting.Expedite(ctx, destination, time.Now(), progress)
	e.feeder.wakeUp(destination)
	return n, err
}

// wakeUp ends the rest of the places of a destination and tells the plan of them anew.
func (f *feeder) wakeUp(destination string) {
	f.mu.Lock()
	for p := range f.snoozed {
		if p.Destination == destination {
			delete(f.snoozed, p)
		}
	}
	for k := range f.told {
		if k.site == destination {
			delete(f.told, k)
		}
	}
	f.mu.Unlock()
	f.tell(time.Now())
}
