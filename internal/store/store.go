// Package store says what a message store is: it keeps the data of messages outside the queues, under keys (storage.md). The engines
// are in store/dir (a folder), store/sqldb (SQLite, PostgreSQL, MySQL, MariaDB), store/mongo and store/s3; one contract suite
// (store/storetest) runs on all of them.
//
// Promises of a Store, over every engine:
//   - Get returns the bytes of the last Put, whoever made it and on whichever instance; or an error. It never returns a part of them.
//   - When Put has returned nil the data is durable, and every instance that shares the place can read it.
//   - Data is there until its time of expiry. Some time later, an hour at most while an instance runs, it is removed.
//   - ErrNotFound says that the place has answered and has nothing under the key. A place that is gone, slow or broken is another error.
//   - No call outlives its context, and none takes longer than Options.Timeout; so many run at once as Options.Threads says.
//   - No error and no log line has a password, and each is one line.
//
// Goroutines: one for each call while it runs, which a stuck system call may keep for longer than its caller waits; it counts
// against Options.Threads until it ends. And one that sweeps, from New to Close, for engines that need it.
package store

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Engine is what a Store needs of the place where data is kept. Calls come from many goroutines; keys and data have been checked.
type Engine interface {
	// Get returns what is under key, at most limit bytes of it after decompression. Errors that a Store tells apart are ErrNotFound
	// and ErrTooLarge.
	Get(ctx context.Context, key string, limit int) ([]byte, error)
	// Put keeps data until expire, instead of what may be under key.
	Put(ctx context.Context, key string, data []byte, expire time.Time) error
	// Delete removes what is under key. Nothing there: no error.
	Delete(ctx context.Context, key string) error
	// Sweep removes what expired before now, in steps of bounded size, and says how much that was, also with an error.
	Sweep(ctx context.Context, now time.Time) (removed int, err error)
	// Every is the time between two sweeps; 0: the place removes by itself what has expired.
	Every() time.Duration
	// Close ends connections. Calls that run fail.
	Close() error
}

// Options of New; the zero value is usable.
type Options struct {
	Threads    int                   // calls at the same time, others wait; 0 = 1
	Timeout    time.Duration         // of a call, its wait included; 0 = a minute
	MaxSize    int                   // bytes of one value; 0 = 150 MB
	Logger     *slog.Logger          // nil = slog.Default
	Registerer prometheus.Registerer // nil: not registered
}

// Store is a message store. Its methods may be called from many goroutines.
type Store struct {
	engine  Engine
	name    string
	options Options
	metrics metrics
	slots   chan struct{} // one for each call that runs
	running context.Context
	end     context.CancelCauseFunc
	swept   chan struct{} // closed when nothing sweeps any more
	closed  func() error  // close, once
}

// ErrNotFound: there is no data under the key, and there will be none.
var ErrNotFound = errors.New("no data under this key")

// ErrTooLarge: the value is over a limit. It is the value's own fault: another attempt has the same end.
var ErrTooLarge = errors.New("the data is too large for the store")

var (
	errSlow   = errors.New("the store is too slow")
	errClosed = errors.New("the store is closed")
)

// New is the store in an engine. name is the address without the password. Close of the store closes the engine.
func New(name string, engine Engine, o Options) *Store {
	o = o.WithDefaults()
	s := &Store{
		engine: engine, name: name, options: o,
		slots: make(chan struct{}, o.Threads), swept: make(chan struct{}),
	}
	s.metrics = newMetrics(o.Registerer, s.slots)
	s.closed = sync.OnceValue(s.close)
	s.running, s.end = context.WithCancelCause(context.Background())
	if engine.Every() > 0 {
		go s.keepSweeping()
	} else {
		close(s.swept)
	}
	return s
}

// WithDefaults is what the options mean.
func (o Options) WithDefaults() Options {
	if o.Threads <= 0 {
		o.Threads = 1
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Minute
	}
	if o.MaxSize <= 0 {
		o.MaxSize = 150_000_000
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// String is the address without the password.
func (s *Store) String() string { return s.name }

// Get returns the data under a key. Errors that are final are ErrNotFound and ErrTooLarge; every other one is temporary.
func (s *Store) Get(ctx context.Context, key string) ([]byte, error) {
	if checkKey(key) != nil {
		return nil, &failure{s.name, "get", ErrNotFound} // nobody can have put it
	}
	return s.call(ctx, "get", func(ctx context.Context) ([]byte, error) { return s.engine.Get(ctx, key, s.options.MaxSize) })
}

// Put keeps data under a key until expire. ErrTooLarge and a key that cannot be one (empty, over 255 characters, with a NUL) are final. Nobody changes data afterwards,
// not even when ctx has ended.
func (s *Store) Put(ctx context.Context, key string, data []byte, expire time.Time) error {
	err := checkKey(key)
	switch {
	case err != nil:
	case expire.IsZero():
		err = errors.New("data without a time of expiry")
	case len(data) > s.options.MaxSize:
		err = TooLarge(len(data), s.options.MaxSize)
	default:
		_, err = s.call(ctx, "put", func(ctx context.Context) ([]byte, error) { return nil, s.engine.Put(ctx, key, data, expire) })
		return err
	}
	return &failure{s.name, "put", err}
}

// Delete removes the data under a key; it is no error when there is none. Only keys that are Own may be deleted: messages that we
// know nothing of can share the key of somebody else.
func (s *Store) Delete(ctx context.Context, key string) error {
	if checkKey(key) != nil {
		return nil
	}
	_, err := s.call(ctx, "delete", func(ctx context.Context) ([]byte, error) { return nil, s.engine.Delete(ctx, key) })
	return err
}

// Close ends calls and sweeping, waits a moment for them, and closes the engine. It may be called again.
func (s *Store) Close() error { return s.closed() }

func (s *Store) close() error {
	s.end(errClosed)
	patience := time.NewTimer(5 * time.Second)
	defer patience.Stop()
	for range s.options.Threads {
		select {
		case s.slots <- struct{}{}:
			continue
		case <-patience.C:
		}
		break
	}
	<-s.swept
	return s.engine.Close()
}

// failure is an error of a store, in one line whatever a driver says.
type failure struct {
	store, operation string
	err              error
}

func (f *failure) Error() string {
	return "message store " + f.store + ": " + f.operation + ": " + strings.Join(strings.Fields(f.err.Error()), " ")
}

func (f *failure) Unwrap() error { return f.err }
