package localqueue

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

const (
	defaultWindow = 4096
	windowBytes   = 64 << 20
	groupBytes    = 8 << 20 // what one sync carries, if more than one batch waits
)

// commits is the line in front of the committer.
type commits struct {
	running sync.WaitGroup

	gate    sync.Mutex
	work    sync.Cond // something waits, or the store closes
	room    sync.Cond // less waits, or the store closes
	line    []request
	bytes   int
	window  int
	closing bool
	err     error // the failure after which nothing is committed
	failed  chan struct{}
}

type request struct {
	batch *Batch
	done  func(error)
}

func (c *commits) init(window int) {
	c.window = window
	if window <= 0 {
		c.window = defaultWindow
	}
	c.work.L, c.room.L = &c.gate, &c.gate
	c.failed = make(chan struct{})
}

// stop lets the committer end when the line is empty. False: it was stopped before.
func (c *commits) stop() bool {
	c.gate.Lock()
	defer c.gate.Unlock()
	if c.closing {
		return false
	}
	c.closing = true
	c.work.Broadcast()
	c.room.Broadcast()
	return true
}

// Err is the error after which the store refuses commits, or nil.
func (s *Store) Err() error {
	s.gate.Lock()
	defer s.gate.Unlock()
	return s.err
}

// Failed is closed when the store has failed; see Err.
func (s *Store) Failed() <-chan struct{} { return s.failed }

// Commit makes b durable and then calls done once, from the committer's goroutine (or
// from this one, if the store is closed or has failed): done must be quick and must
// not call Commit. Batches that wait are merged under one sync. Commit itself blocks
// only while more than Options.Window batches or 64 MB wait. b and its bodies must not
// be changed before done; a nil done is allowed.
func (s *Store) Commit(b *Batch, done func(error)) {
	if err := s.enqueue(context.Background(), request{b, done}); err != nil && done != nil {
		done(err)
	}
}

// enqueue waits for room in the line.
func (c *commits) enqueue(ctx context.Context, r request) error {
	c.gate.Lock()
	defer c.gate.Unlock()
	if c.full(r) {
		defer context.AfterFunc(ctx, func() {
			c.gate.Lock()
			defer c.gate.Unlock()
			c.room.Broadcast()
		})()
	}
	for c.full(r) && ctx.Err() == nil {
		c.room.Wait()
	}
	switch {
	case c.err != nil:
		return c.err
	case c.closing:
		return ErrClosed
	case ctx.Err() != nil:
		return ctx.Err()
	}
	c.line = append(c.line, r)
	c.bytes += r.batch.bytes
	c.work.Signal()
	return nil
}

func (c *commits) full(r request) bool {
	return c.err == nil && !c.closing && len(c.line) > 0 &&
		(len(c.line) >= c.window || c.bytes+r.batch.bytes > windowBytes)
}

// Do commits b and waits. If ctx ends first its error is returned, but b may still
// become durable, and must not be changed.
func (s *Store) Do(ctx context.Context, b *Batch) error {
	done := make(chan error, 1)
	if err := s.enqueue(ctx, request{b, func(err error) { done <- err }}); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// await takes from the line what one sync shall carry; nil when the store closes and
// the line is empty.
func (c *commits) await(into []request) []request {
	c.gate.Lock()
	defer c.gate.Unlock()
	for len(c.line) == 0 && !c.closing {
		c.work.Wait()
	}
	n, bytes := 0, 0
	for n < len(c.line) && (n == 0 || bytes+c.line[n].batch.bytes <= groupBytes) {
		bytes += c.line[n].batch.bytes
		n++
	}
	into = append(into, c.line[:n]...)
	rest := copy(c.line, c.line[n:])
	clear(c.line[rest:])
	c.line = c.line[:rest]
	c.bytes -= bytes
	c.room.Broadcast()
	return into
}

func (s *Store) commitLoop() {
	var group []request
	for {
		clear(group)
		if group = s.await(group[:0]); len(group) == 0 {
			return
		}
		s.commitGroup(group)
	}
}

// commitGroup makes a group durable in three steps: decide what changes, write it, and
// only then let it be seen.
func (s *Store) commitGroup(group []request) {
	if err := s.Err(); err != nil {
		answer(group, nil, err)
		return
	}
	began := time.Now()
	c := s.newChange(group)
	s.mu.Lock()
	c.advanceLedger()
	for i := range group {
		c.refused = append(c.refused, c.batch(group[i].batch))
	}
	err := c.finish()
	s.mu.Unlock()
	if err == nil {
		err = c.write()
	}
	if err != nil {
		err = s.fail(err)
	} else {
		s.mu.Lock()
		c.show()
		s.mu.Unlock()
		s.meters.committed(c, time.Since(began))
	}
	answer(group, c.refused, err)
}

func answer(group []request, refused []error, err error) {
	for i, r := range group {
		if r.done == nil {
			continue
		}
		if err == nil {
			r.done(refused[i])
			continue
		}
		r.done(err)
	}
}

// fail ends all commits: after a failed sync the kernel may have dropped the pages and
// call the next sync a success.
func (s *Store) fail(cause error) error {
	s.gate.Lock()
	defer s.gate.Unlock()
	if s.err == nil {
		s.err = fmt.Errorf("%w: %w", ErrFailed, cause)
		s.log.Error("local queue: nothing is written any more until the next start", "error", cause)
		close(s.failed)
		s.room.Broadcast()
	}
	return s.err
}

// apply hands the batch to Pebble, whose fatal errors come as a panic.
func apply(w *pebble.Batch, sync bool) (err error) {
	defer func() {
		if p := recover(); p != nil {
			fatal, ok := p.(fatalError)
			if !ok {
				panic(p)
			}
			err = fatal.err
		}
	}()
	o := pebble.NoSync
	if sync {
		o = pebble.Sync
	}
	return w.Commit(o)
}
