package control

import (
	"sync"
	"sync/atomic"
	"time"
)

// reports tells the other side how far a command has come, at a pace of its own: who counts never waits for who reads.
type reports struct {
	w       *wire
	pace    time.Duration
	n       atomic.Int64
	begin   sync.Once
	done    chan struct{}
	running sync.WaitGroup
}

func newReports(w *wire, pace time.Duration) *reports {
	if pace <= 0 {
		pace = 500 * time.Millisecond
	}
	return &reports{w: w, pace: pace, done: make(chan struct{})}
}

// count notes how many there are now.
func (r *reports) count(n int) {
	r.n.Store(int64(n))
	r.begin.Do(func() { r.running.Go(r.tell) })
}

// tell sends what is new until end, or until the other side cannot be reached.
func (r *reports) tell() {
	tick := time.NewTicker(r.pace)
	defer tick.Stop()
	for told := -1; ; {
		select {
		case <-tick.C:
		case <-r.done:
			return
		}
		n := int(r.n.Load())
		if n == told {
			continue
		}
		if err := r.w.send(answer{Progress: &n}); err != nil {
			return
		}
		told = n
	}
}

// end returns when nothing more is sent. count may not be called any more.
func (r *reports) end() {
	close(r.done)
	r.running.Wait()
}
