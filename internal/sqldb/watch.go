package sqldb

import (
	"context"
	"errors"
	"strings"
	"time"
)

// How long a call waits for the next sign of life of the database.
const (
	silence  = 5 * time.Second
	toChange = 30 * time.Second // while a table is changed, which waits for others who use it, or a large value is moved
)

// How long a call takes in all.
const (
	quick = time.Minute
	slow  = 5 * time.Minute // calls that make tables
)

var (
	errSilent = errors.New("the database does not answer")
	errSlow   = errors.New("the database is too slow")
)

// watch ends the context of a call when the database is silent for too long.
type watch struct{ timer *time.Timer }

// alive is called at each sign of life.
func (w watch) alive() { w.timer.Reset(silence) }

// change is called before what may take long: a table is changed, or a large value is moved.
func (w watch) change() { w.timer.Reset(toChange) }

// call runs work with a context that ends when the database is silent, or after all the time there is, and makes its error say which
// database failed and why.
func (d *DB) call(ctx context.Context, whole time.Duration, work func(context.Context, watch) error) error {
	ctx, stop := context.WithTimeoutCause(ctx, whole, errSlow)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := watch{time.AfterFunc(silence, func() { cancel(errSilent) })}
	defer w.timer.Stop()

	err := work(ctx, w)
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return &failure{d.name, err}
}

// failure is an error of a database, in one line whatever the driver and the server say.
type failure struct {
	database string
	err      error
}

func (f *failure) Error() string {
	return f.database + ": " + strings.Join(strings.Fields(f.err.Error()), " ")
}

func (f *failure) Unwrap() error { return f.err }
