package spool

import (
	"context"
	"errors"
	"io"
	"time"
)

// feeder decides which file is next. It is one goroutine, which alone knows what is in it.
type feeder struct {
	s      *Spool
	watch  *watcher // nil: nobody tells of new files
	events <-chan event
	work   chan *task
	done   chan *task

	ready   *task // the next one
	inHand  map[string]*task
	later   later
	memory  memory
	writing map[string]time.Time // somebody writes, and when that was last noticed
	scan    *scan
	rescan  time.Time     // when the next scan begins
	ahead   time.Duration // clock of the file system
	strikes int           // refusals since the last success
	pause   time.Time     // nothing is taken before
}

// Bounds and spans of a feeder.
const (
	maxWriting = 10_000
	abandoned  = 10 * time.Minute // a writer that was not heard of for so long is not waited for
	lookChunk  = 1000             // names that are looked at between two looks at events
	maxPause   = 30 * time.Second
)

func newFeeder(s *Spool, w *watcher) *feeder {
	f := &feeder{s: s, watch: w, work: make(chan *task), done: make(chan *task), inHand: map[string]*task{}, writing: map[string]time.Time{}}
	if w != nil {
		f.events = w.events
	}
	return f
}

func (f *feeder) close() {
	if f.scan != nil {
		f.scan.close()
	}
}

func (f *feeder) run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		busy, err := f.look()
		if err != nil {
			return err
		}
		wait := time.Duration(0)
		if !busy {
			wait = time.Until(f.wake())
		}
		timer.Reset(wait)
		work := f.work
		if f.ready == nil || time.Now().Before(f.pause) {
			work = nil
		}
		select {
		case work <- f.ready:
			f.inHand[f.ready.name], f.ready = f.ready, nil
		case t := <-f.done:
			f.settle(t)
		case e := <-f.events:
			f.hear(e)
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// look finds the next file; busy says that there is more to look at.
func (f *feeder) look() (busy bool, err error) {
	now := time.Now()
	if f.scan == nil && !now.Before(f.rescan) {
		if err := f.startScan(); err != nil {
			return false, err
		}
	}
	for i := 0; f.ready == nil && !now.Before(f.pause); i++ {
		if i == lookChunk {
			return true, nil
		}
		if t, ok := f.later.pop(now); ok {
			f.consider(t)
			continue
		}
		if f.scan == nil {
			return false, nil
		}
		name, err := f.scan.next()
		switch {
		case errors.Is(err, io.EOF):
			f.endScan()
		case err != nil:
			return false, err
		case !hidden(name):
			f.consider(task{name: name})
		}
	}
	return false, nil
}

// wake is when there is something to do without anybody saying so.
func (f *feeder) wake() time.Time {
	if now := time.Now(); now.Before(f.pause) {
		return f.pause
	}
	if f.ready != nil || f.scan != nil {
		return time.Now().Add(time.Hour) // a worker will say so
	}
	wake := f.rescan
	if at, ok := f.later.next(); ok && at.Before(wake) {
		wake = at
	}
	return wake
}

func (f *feeder) startScan() (err error) {
	if !f.s.dir.samePlace() {
		return errMoved
	}
	f.ahead = f.s.dir.clock()
	for name, at := range f.writing {
		if time.Since(at) > abandoned {
			delete(f.writing, name)
		}
	}
	f.memory.beginScan()
	f.scan, err = f.s.dir.scan()
	return err
}

// endScan plans the next one. Without word from the kernel it is soon, but reading takes a tenth of the time at most.
func (f *feeder) endScan() {
	f.memory.endScan()
	f.s.metrics.scans.Inc()
	wait := f.s.rhythm.rescan
	if f.events == nil {
		wait = max(f.s.rhythm.poll, 10*time.Since(f.scan.began))
	}
	f.rescan = time.Now().Add(wait)
	f.scan.close()
	f.scan = nil
}

// consider takes a name as the next one, if it may be taken now. Memory is asked first: a scan must not pass over a file that is
// remembered, or it would be forgotten.
func (f *feeder) consider(t task) {
	file, err := f.s.dir.look(t.name)
	if err != nil || !file.plain() || f.memory.has(badAs(t.name, &file)) || f.known(t.name, &file) {
		return
	}
	if f.inHand[t.name] != nil || f.later.has(t.name) {
		return
	}
	if at, busy := f.writing[t.name]; busy && time.Since(at) <= abandoned {
		return
	}
	if wait := f.youth(&t, &file); wait > 0 {
		f.postpone(t, wait)
		return
	}
	f.ready = &t
}

// youth is how long a file has to wait yet. One that is empty is most likely about to be written.
func (f *feeder) youth(t *task, file *facts) time.Duration {
	need := time.Duration(0)
	if !t.whole {
		need = max(f.s.rhythm.still, f.s.o.Delay)
	}
	if file.size == 0 {
		need = max(need, f.s.rhythm.empty)
	}
	if need == 0 {
		return 0
	}
	return need - time.Now().Add(f.ahead).Sub(file.ctime)
}

// known says that the message of a file was published. A removal that failed is tried again.
func (f *feeder) known(name string, file *facts) bool {
	if !f.memory.has(doneAs(name, file)) {
		return false
	}
	if !f.s.o.Keep {
		_ = f.s.dir.remove(name, file)
	}
	return true
}

// postpone looks at a name again after a while; what finds no room is found by a scan.
func (f *feeder) postpone(t task, wait time.Duration) {
	if at := time.Now().Add(wait); !f.later.add(t, at) && f.scan == nil && at.Before(f.rescan) {
		f.rescan = at
	}
}
