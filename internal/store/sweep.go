package store

import (
	"context"
	"time"
)

// firstSweep is how long after the start the first one comes, so that a program which is often restarted sweeps at all.
const firstSweep = time.Minute

// longestSweep ends a sweep that hangs; what it leaves is for the next one.
const longestSweep = time.Hour

func (s *Store) keepSweeping() {
	defer close(s.swept)
	every := s.engine.Every()
	timer := time.NewTimer(min(every, firstSweep))
	defer timer.Stop()
	for {
		select {
		case <-s.running.Done():
			return
		case <-timer.C:
		}
		// The error has been logged, and the next sweep comes anyway.
		_, _ = s.Sweep(s.running)
		timer.Reset(every)
	}
}

// Sweep removes what has expired, and says how much that was. A Store does so by itself.
func (s *Store) Sweep(ctx context.Context) (removed int, err error) {
	begin := time.Now()
	ctx, stop := context.WithTimeoutCause(ctx, longestSweep, errSlow)
	defer stop()
	removed, err = s.engine.Sweep(ctx, begin)
	s.metrics.removed.Add(float64(removed))
	if err != nil && s.running.Err() == nil {
		err = &failure{s.name, "sweep", err}
		s.options.Logger.Warn("expired messages stay in the store", "error", err)
	}
	return removed, err
}
