package store

import (
	"context"
	"fmt"
	"time"
)

type answer struct {
	data []byte
	err  error
}

// call runs work when a slot is free. It returns when the context ends, even if the driver does not heed it; the slot stays taken
// until the work has ended.
func (s *Store) call(ctx context.Context, operation string, work func(context.Context) ([]byte, error)) ([]byte, error) {
	begin := time.Now()
	ctx, stop := context.WithTimeoutCause(ctx, s.options.Timeout, errSlow)
	ctx, cancel := context.WithCancelCause(ctx)
	release := context.AfterFunc(s.running, func() { cancel(errClosed) })
	end := func() { release(); cancel(nil); stop() }

	a := s.queue(ctx, end, work)
	s.metrics.count(operation, a.err, time.Since(begin))
	if a.err != nil {
		return nil, &failure{s.name, operation, a.err}
	}
	return a.data, nil
}

func (s *Store) queue(ctx context.Context, end func(), work func(context.Context) ([]byte, error)) answer {
	if ctx.Err() == nil { // else a free slot might win
		select {
		case s.slots <- struct{}{}:
			return s.run(ctx, end, work)
		case <-ctx.Done():
		}
	}
	defer end()
	return answer{err: ended(ctx)}
}

// run has a slot.
func (s *Store) run(ctx context.Context, end func(), work func(context.Context) ([]byte, error)) answer {
	done := make(chan answer, 1)
	go func() {
		defer func() { <-s.slots }()
		defer end()
		data, err := guarded(ctx, work)
		if err != nil && ctx.Err() != nil {
			err = ended(ctx)
		}
		done <- answer{data, err}
	}()
	select {
	case a := <-done:
		return a
	case <-ctx.Done():
	}
	select {
	case a := <-done: // it came at the same moment
		return a
	default:
		return answer{err: ended(ctx)}
	}
}

// ended is why a context has ended, as an error that is also the context's own: the caller looks for context.DeadlineExceeded.
func ended(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != ctx.Err() {
		return fmt.Errorf("%w: %w", cause, ctx.Err())
	}
	return ctx.Err()
}

// guarded turns a panic of a driver, which would end the process, into an error.
func guarded(ctx context.Context, work func(context.Context) ([]byte, error)) (data []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			data, err = nil, fmt.Errorf("panic: %v", p)
		}
	}()
	return work(ctx)
}
