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

// hear takes in what the kernel says.
func (f *feeder) hear(e event) {
	switch e.kind {
	case closed:
		delete(f.writing, e.name)
		f.arrived(task{name: e.name, whole: true}, f.s.o.Delay)
	case created:
		f.arrived(task{name: e.name}, f.s.rhythm.still)
	case modified:
		if len(f.writing) < maxWriting {
			f.writing[e.name] = time.Now()
		}
	case gone:
		delete(f.writing, e.name)
	case overflow:
		clear(f.writing)
		f.rescan = time.Now()
	case deaf:
		f.events = nil
		f.rescan = time.Now()
	}
}

func (f *feeder) arrived(t task, wait time.Duration) {
	if now := f.inHand[t.name]; now != nil {
		now.again = true
		return
	}
	f.postpone(t, wait)
}

// settle notes what became of a file.
func (f *feeder) settle(t *task) {
	delete(f.inHand, t.name)
	switch t.verdict {
	case isDone:
		f.strikes, f.pause = 0, time.Time{}
		if t.left {
			f.memory.keep(doneAs(t.name, &t.file))
		}
	case isBad:
		if t.left {
			f.memory.keep(badAs(t.name, &t.file))
		}
	case isRefused:
		f.refused(t)
		return
	case isUnsure:
		t.again = true
	}
	if t.again {
		f.postpone(task{name: t.name}, f.s.rhythm.still)
	}
}

// refused lets the file wait, longer each time. When nothing at all goes through, everything waits.
func (f *feeder) refused(t *task) {
	r := &f.s.rhythm
	f.postpone(task{name: t.name, tries: t.tries + 1, whole: t.whole}, doubled(r.first, t.tries, r.most))
	f.strikes++
	if rounds := f.strikes / f.s.o.OpenFiles; rounds > 0 && f.strikes%f.s.o.OpenFiles == 0 {
		f.pause = time.Now().Add(doubled(r.first, rounds-1, min(maxPause, r.most)))
	}
}

func doubled(d time.Duration, times int, most time.Duration) time.Duration {
	for ; times > 0 && d < most; times-- {
		d *= 2
	}
	return min(d, most)
}
