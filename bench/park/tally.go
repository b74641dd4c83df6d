package main

import "time"

// tally counts what is parked. It belongs to one goroutine at a time.
type tally struct {
	n, parked int
	skipped   int // when the clock was started
	from, end time.Time
}

func newTally(n int) *tally { return &tally{n: n, from: time.Now()} }

func (t *tally) count(n int) {
	t.parked += n
	if t.skipped == 0 && t.parked >= t.n/20 {
		t.skipped, t.from = t.parked, time.Now()
	}
	if t.all() {
		t.end = time.Now()
	}
}

func (t *tally) all() bool { return t.parked >= t.n }

// rate is in messages per second, from the moment when the clock was started.
func (t *tally) rate() float64 { return float64(t.n-t.skipped) / t.end.Sub(t.from).Seconds() }
