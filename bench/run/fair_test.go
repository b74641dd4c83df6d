package main

import (
	"strings"
	"testing"
	"time"
)

func TestFairTable(t *testing.T) {
	rows := []fairRow{
		{row: row{name: "bare"}, bare: true},
		{row: row{name: "few"}, parking: "bare"},
		{row: row{name: "many"}, parking: "bare", alone: "few", smaller: "few"},
	}
	table := newFairTable(rows)
	for repeat, rate := range []float64{1000, 3000, 2000} {
		table.add(rows[0], repeat, fairFigures{parked: rate})
		table.add(rows[1], repeat, fairFigures{parked: rate / 2, others: 500, memory: 100})
		table.add(rows[2], repeat, fairFigures{parked: rate / 4 * float64(repeat+1), others: 400, memory: 101})
	}
	var b strings.Builder
	table.print(&b)
	lines := strings.Split(b.String(), "\n")
	for i, want := range [][]string{
		{"parked/s", "others/s", "peak RSS MiB"},
		{"2000 [1000-3000]  - "},
		{"1000 [500-1500]", "0.50 [0.50-0.50]", "500 [500-500]"},
		{"0.50 [0.25-0.75]", "0.80 [0.80-0.80]", "1.01 [1.01-1.01]"},
	} {
		for _, w := range want {
			if !strings.Contains(lines[i], w) {
				t.Errorf("line %d has no %q: %s", i, w, lines[i])
			}
		}
	}
}

// TestWatchParked looks at 1,000 blocked messages that leave the outbox at 100 a second, in front of others.
func TestWatchParked(t *testing.T) {
	w := newWatch(&fairTrial{r: fairRow{blocked: 1000}}, nil)
	for i, done := range []int{0, 40, 140, 540, 940, 1040, 5000} {
		if got := w.parked(); i < 6 && got != 0 {
			t.Errorf("%.0f/s before all were taken", got)
		}
		w.mark(mark{time.Unix(int64(done/100), 0), done})
	}
	if got, want := w.parked(), 860.0/9; got != want { // from 140 at 1 s to 1000 at 10 s
		t.Errorf("%.1f/s, want %.1f", got, want)
	}
}

func TestAllowed(t *testing.T) {
	for ran, want := range map[time.Duration]int{0: 1, 59 * time.Second: 1, 125 * time.Second: 3} {
		if got := (fairRow{every: time.Minute}).allowed(ran); got != want {
			t.Errorf("one a minute after %v: %d, want %d", ran, got, want)
		}
	}
	if got := (fairRow{}).allowed(time.Hour); got != 0 {
		t.Errorf("paused: %d", got)
	}
}

// TestFairRowsCompare shows that no row is compared with one that does not exist, or with itself.
func TestFairRowsCompare(t *testing.T) {
	names := map[string]bool{"": true}
	rows := fairRowsOf(options{blocked: 400, others: 100})
	for _, r := range rows {
		if names[r.name] {
			t.Errorf("%q twice", r.name)
		}
		names[r.name] = true
	}
	for _, r := range rows {
		for _, other := range []string{r.parking, r.alone, r.smaller} {
			if !names[other] || other == r.name {
				t.Errorf("%s is compared with %q", r.name, other)
			}
		}
	}
}
