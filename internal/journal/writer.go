package journal

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	maxPending = 1 << 20               // bytes that wait for a writer; one more line still fits
	tickEvery  = time.Second           // how often a writer looks after its file without being asked
	gather     = 50 * time.Millisecond // how long a line may wait for others that are written with it

	// So many bytes are written without waiting for more.
	enough = 64 << 10
	atOnce = 1
)

// An output is what the lines of a writer go to. Only its writer calls it.
type output interface {
	// write writes whole lines and returns how many bytes of whole lines are out.
	write(lines []byte) (int, error)
	// tick does what is due at this time.
	tick() error
	reopen() error
	close()
}

// A writer has a goroutine that writes lines to an output, behind a bounded buffer. A look at the file and a write cost more than
// the line itself, so lines go out together: those of up to gather, or as many as are enough.
type writer struct {
	path    string
	options File
	out     output
	enough  int // bytes
	meters  logMeters
	log     *slog.Logger

	mu      sync.Mutex
	room    sync.Cond // there may be room in pending
	pending []byte
	failing bool // writing fails, so nobody waits
	closed  bool

	begun    chan struct{} // a first line is pending
	full     chan struct{} // enough is pending
	reopens  chan chan error
	stopping chan struct{}
	done     chan struct{}

	spare  []byte // the other half of the double buffer
	lost   int    // lines dropped since writing fails
	upkeep bool   // the last tick failed
}

func newWriter(path string, o File, out output, enough int, m logMeters, log *slog.Logger) *writer {
	w := &writer{
		path: path, options: o, out: out, enough: enough, meters: m, log: log.With("file", path),
		begun: make(chan struct{}, 1), full: make(chan struct{}, 1), reopens: make(chan chan error),
		stopping: make(chan struct{}), done: make(chan struct{}),
	}
	w.room.L = &w.mu
	go w.run()
	return w
}

// put adds a line, which it copies. When there is no room the caller waits if it may, unless writing
// fails; otherwise the line is dropped and counted.
func (w *writer) put(line []byte, wait bool) {
	w.mu.Lock()
	for wait && len(w.pending) >= maxPending && !w.failing && !w.closed {
		w.room.Wait()
	}
	if w.closed || len(w.pending) >= maxPending {
		w.mu.Unlock()
		w.meters.dropped.Inc()
		return
	}
	before := len(w.pending)
	w.pending = append(append(w.pending, line...), '\n')
	after := len(w.pending)
	w.mu.Unlock()
	switch {
	case before < w.enough && after >= w.enough:
		poke(w.full)
	case before == 0:
		poke(w.begun)
	}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it was not heard yet, and stands for this time as well
	}
}

// stop lets the goroutine end when it has written what is there.
func (w *writer) stop() {
	w.mu.Lock()
	w.closed = true
	w.room.Broadcast()
	w.mu.Unlock()
	close(w.stopping)
}

func (w *writer) reopen(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case w.reopens <- answer:
	case <-w.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *writer) run() {
	defer close(w.done)
	defer w.out.close()
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	late := time.NewTimer(gather)
	defer late.Stop()
	for {
		select {
		case <-w.begun:
			late.Reset(gather)
		case <-late.C:
			w.flush()
		case <-w.full:
			w.flush()
		case <-ticker.C:
			w.tick()
		case answer := <-w.reopens:
			w.flush()
			answer <- w.out.reopen()
		case <-w.stopping:
			w.flush()
			return
		}
	}
}

// tick reports a failure once, until it has gone well again.
func (w *writer) tick() {
	err := w.out.tick()
	if err != nil && !w.upkeep {
		w.log.Error("cannot look after log", "error", err)
	}
	w.upkeep = err != nil
}

// flush writes all that is pending.
func (w *writer) flush() {
	batch := w.take()
	if len(batch) == 0 {
		return
	}
	n, err := w.out.write(batch)
	w.meters.lines.Add(float64(bytes.Count(batch[:n], newline)))
	if err != nil && !w.failing {
		n, err = w.retry(batch, n, err)
	}
	if err != nil {
		w.failed(batch[n:], err)
	} else if w.failing {
		w.recovered()
	}
	if cap(batch) <= 2*maxPending {
		w.spare = batch
	}
}

var newline = []byte{'\n'}

// take swaps the two buffers, which makes room.
func (w *writer) take() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	batch := w.pending
	w.pending, w.spare = w.spare[:0], nil
	w.room.Broadcast()
	return batch
}

// retry writes the rest of a batch once more, to the file opened anew: the fault may be that of the
// old one.
func (w *writer) retry(batch []byte, n int, err error) (int, error) {
	w.meters.failures.Inc()
	if w.out.reopen() != nil {
		return n, err
	}
	more, err := w.out.write(batch[n:])
	w.meters.lines.Add(float64(bytes.Count(batch[n:n+more], newline)))
	return n + more, err
}

// failed counts what is lost, and says so the first time.
func (w *writer) failed(rest []byte, err error) {
	first := !w.failing
	w.setFailing(true)
	lines := bytes.Count(rest, newline)
	w.lost += lines
	w.meters.failures.Inc()
	w.meters.dropped.Add(float64(lines))
	if first {
		w.log.Error("cannot write log, lines are dropped until it works again", "error", err)
	}
}

func (w *writer) recovered() {
	w.setFailing(false)
	w.log.Warn("log is written again", "dropped", w.lost)
	w.lost = 0
}

func (w *writer) setFailing(failing bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failing = failing
	w.room.Broadcast()
}
