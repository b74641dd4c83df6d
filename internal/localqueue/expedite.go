package localqueue

import (
	"context"
	"time"
)

// bulk is how many messages one batch of a long operation changes.
const bulk = 1000

// Expedite makes everything of a destination that is not in hand due at now. It
// rewrites index entries in batches of a thousand; progress (may be nil) hears how
// many were done so far.
func (s *Store) Expedite(ctx context.Context, destination string, now time.Time, progress func(done int)) (int, error) {
	done := 0
	for _, p := range s.PlacesOf(destination) {
		w := s.Sweep(p.Place)
		w.after = pos{due: nanos(now)}.after()
		for {
			n, err := w.expedite(ctx, now)
			if done += n; err != nil {
				return done, err
			}
			if n == 0 {
				break
			}
			if progress != nil {
				progress(done)
			}
		}
	}
	return done, nil
}

// expedite takes messages that are not due yet in hand and puts them back as due at now.
func (w *Sweep) expedite(ctx context.Context, now time.Time) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	got, err := w.hold(bulk, endOfTime)
	if err != nil || len(got) == 0 {
		return 0, err
	}
	b := new(Batch)
	for _, h := range got {
		m := h.waiting()
		m.Due = now
		if m.Outcome, err = w.s.outcomeOf(h); err != nil {
			break
		}
		b.Reschedule(m.ID, m)
	}
	if err == nil {
		err = w.s.Do(context.WithoutCancel(ctx), b) // not known how it ended is no way to go on
	}
	if err != nil {
		for _, h := range got {
			w.s.BackWaiting(h.at.id)
		}
		return 0, err
	}
	return len(got), nil
}
