package main

import (
	"fmt"
	"time"
)

// watch looks at a daemon from outside while it empties an outbox: how deep that is, and what the sink of the others has.
type watch struct {
	t     *fairTrial
	c     contestant
	taken struct{ from, to mark } // a twentieth of the blocked ones was taken from the outbox, all were
	depth int                     // of the outbox
	stats sinkStats
}

// mark is how much was done at a moment.
type mark struct {
	at   time.Time
	done int
}

func newWatch(t *fairTrial, c contestant) *watch {
	return &watch{t: t, c: c, depth: t.r.blocked + t.r.messages}
}

// run returns when the outbox is empty and the others have all their mail.
func (w *watch) run() error {
	all := w.t.r.blocked + w.t.r.messages
	last, progress := time.Now(), -1
	for {
		if err := w.c.alive(); err != nil {
			return err
		}
		done := w.look(all)
		if w.depth == 0 && w.stats.Messages >= w.t.r.messages {
			return nil
		}
		if done > progress {
			last, progress = time.Now(), done
		}
		if time.Since(last) > stall {
			return fmt.Errorf("nothing for %v: %d messages in the outbox, the others have %d of %d", stall, w.depth, w.stats.Messages, w.t.r.messages)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// look notes how far it is, and returns the number of messages taken from the outbox and of those delivered.
func (w *watch) look(all int) (done int) {
	if depth, ok := w.t.outbox.depth(); ok {
		w.depth = depth
		w.mark(mark{time.Now(), all - depth})
	}
	w.stats = w.t.b.sink.stats()
	return all - w.depth + w.stats.Messages
}

func (w *watch) mark(m mark) {
	if w.taken.from.at.IsZero() && m.done >= max(1, w.t.r.blocked/20) {
		w.taken.from = m
	}
	if w.taken.to.at.IsZero() && m.done >= w.t.r.blocked {
		w.taken.to = mark{m.at, w.t.r.blocked}
	}
}

// parked is the rate at which the blocked ones left the outbox: they stand in front.
func (w *watch) parked() float64 {
	from, to := w.taken.from, w.taken.to
	if w.t.r.blocked == 0 || !to.at.After(from.at) {
		return 0
	}
	return float64(to.done-from.done) / to.at.Sub(from.at).Seconds()
}

// others is the rate from the first to the last message at their sink.
func (w *watch) others() float64 {
	return float64(w.stats.Messages) / time.Duration(w.stats.Last-w.stats.First).Seconds()
}
