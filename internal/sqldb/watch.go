package sqldb

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// patience is how long a call waits.
type patience struct {
	silence time.Duration // for the next sign of life of the database
	whole   time.Duration // in all
}

// Changing a table may wait for others who use it.
var (
	quick = patience{silence: 5 * time.Second, whole: time.Minute}
	slow  = patience{silence: 30 * time.Second, whole: 5 * time.Minute}
)

// watch ends the context of a call when the database is silent for too long.
type watch struct {
	timer   *time.Timer
	silence time.Duration
}

// alive is called at each sign of life.
func (w *watch) alive() { w.timer.Reset(w.silence) }

// errTooLong is part of the error when a call is not through after all its time.
var errTooLong = errors.New("the database is too slow")

// call runs work with a context that ends when patience does, and makes its error say which database failed and why.
func (d *DB) call(ctx context.Context, p patience, work func(context.Context, *watch) error) error {
	ctx, stop := context.WithTimeoutCause(ctx, p.whole, errTooLong)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := fmt.Errorf("no answer from the database for %v", p.silence)
	w := &watch{timer: time.AfterFunc(p.silence, func() { cancel(silent) }), silence: p.silence}
	defer w.timer.Stop()

	err := work(ctx, w)
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return fmt.Errorf("%s: %w", d.name, err)
}
