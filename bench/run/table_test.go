package main

import (
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	rows := []row{{name: "bare"}, {name: "posthoorn", against: "bare"}, {name: "absent"}}
	table := newTable(speedColumns, rows)
	for repeat, rate := range []float64{1000, 3000, 2000} {
		table.add(rows[0], repeat, figures{rate: rate, own: 100, trips: 2})
		table.add(rows[1], repeat, figures{rate: rate * float64(repeat+1) / 4, own: 150, trips: 1.25})
	}
	var b strings.Builder
	table.print(&b)
	lines := strings.Split(b.String(), "\n")
	for i, want := range [][]string{
		{"messages/s", "CPU µs by"}, {"2000 [1000-3000]"}, {"0.50 [0.25-0.75]", "1.50 [1.50-1.50]  bare"}, {"-"},
	} {
		for _, w := range want {
			if !strings.Contains(lines[i], w) {
				t.Errorf("line %d has no %q: %s", i, w, lines[i])
			}
		}
	}
}

func TestMedian(t *testing.T) {
	for want, list := range map[string][]float64{"-": nil, "7": {7}, "2 [1-3]": {3, 1}, "2 [1-9]": {9, 2, 1}} {
		if got := median("%.0f", list); got != want {
			t.Errorf("%v: %s, want %s", list, got, want)
		}
	}
}
