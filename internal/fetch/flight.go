package fetch

import (
	"context"
	"net/url"
	"sync"
	"time"
)

// key is a download: an address, which may have a user, and how much may come.
type key struct {
	url   string
	limit int64
}

// flights are the downloads on their way. One belongs to all who wait for it: it goes on when the first of them leaves
// and ends when the last does.
type flights struct {
	mu      sync.Mutex
	running map[key]*flight
	closed  bool
}

type flight struct {
	waiting int
	cancel  context.CancelCauseFunc
	done    chan struct{}
	result  result
}

// result is what a download has come to.
type result struct {
	resource Resource
	err      error     // an *Error, or nil
	expires  time.Time // until when it may be kept; before now: not at all
}

// limited is a result for a caller who may want less than what is there.
func (r result) limited(k key, u *url.URL) result {
	if int64(len(r.resource.Body)) > k.limit {
		return result{err: failure(public(u), tooLarge(k.limit))}
	}
	return r
}

// join takes a download from the cache, or waits for the one that runs, or starts it.
func (f *Fetcher) join(ctx context.Context, k key, u *url.URL) (Resource, error) {
	it, r := f.board(k, u)
	if it == nil {
		return r.resource, r.err
	}
	defer f.leave(k, it)
	select {
	case <-it.done:
		return it.result.resource, it.result.err
	case <-ctx.Done():
		return Resource{}, failure(public(u), context.Cause(ctx))
	}
}

// board finds the flight to wait for; without one the result is known. What has landed is in the cache before its flight
// is forgotten, so nothing is downloaded twice.
func (f *Fetcher) board(k key, u *url.URL) (*flight, result) {
	f.flights.mu.Lock()
	defer f.flights.mu.Unlock()
	if it := f.flights.running[k]; it != nil {
		it.waiting++
		f.meters.had(onItsWay)
		return it, result{}
	}
	if r, ok := f.cache.get(k, f.now()); ok {
		f.meters.had(inMemory)
		return nil, r.limited(k, u)
	}
	if f.flights.closed {
		return nil, result{err: failure(public(u), errClosed)}
	}
	ctx, cancel := context.WithCancelCause(f.running)
	it := &flight{waiting: 1, cancel: cancel, done: make(chan struct{})}
	f.flights.running[k] = it
	f.all.Go(func() {
		defer cancel(nil)
		f.fly(ctx, k, u, it)
	})
	return it, result{}
}

func (f *Fetcher) leave(k key, it *flight) {
	f.flights.mu.Lock()
	defer f.flights.mu.Unlock()
	if it.waiting--; it.waiting > 0 {
		return
	}
	select {
	case <-it.done: // what it still does for the second cache is not for those who waited
		return
	default:
	}
	it.cancel(errUnwanted)
	if f.flights.running[k] == it { // who comes now must not join a flight that has been cancelled
		delete(f.flights.running, k)
	}
}

// land gives a flight its result.
func (f *Fetcher) land(k key, it *flight, r result) {
	f.flights.mu.Lock()
	defer f.flights.mu.Unlock()
	if f.flights.running[k] == it {
		delete(f.flights.running, k)
	}
	it.result = r
	close(it.done)
}

func (f *flights) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
}

// fly is one download, from the second cache or from the server.
func (f *Fetcher) fly(ctx context.Context, k key, u *url.URL, it *flight) {
	limited, cancel := context.WithTimeout(ctx, f.options.Timeout)
	defer cancel()
	if r, ok := f.stored(limited, k); ok {
		f.meters.had(inStore)
		f.cache.put(k, r, f.now())
		f.land(k, it, r.limited(k, u))
		return
	}
	leave, err := f.gate.enter(limited, u.Host)
	if err != nil {
		f.land(k, it, result{err: failure(public(u), err)})
		return
	}
	r := f.download(limited, k, u)
	if ctx.Err() == nil { // else it failed because we ended it, which says nothing about the server
		f.cache.put(k, r, f.now())
	}
	leave()
	f.land(k, it, r)
	f.store(k, r)
}
