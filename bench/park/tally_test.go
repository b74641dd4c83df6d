package main

import (
	"testing"
	"time"
)

func TestTally(t *testing.T) {
	c := newTally(100)
	c.count(4)
	if c.skipped != 0 {
		t.Error("the clock runs before a twentieth is parked")
	}
	c.count(16)
	c.count(79)
	if c.all() {
		t.Error("99 of 100 are all")
	}
	c.count(1)
	if !c.all() || c.skipped != 20 {
		t.Errorf("all %v, skipped %d", c.all(), c.skipped)
	}
	c.from, c.end = time.Unix(10, 0), time.Unix(14, 0)
	if got := c.rate(); got != 20 {
		t.Errorf("%.0f/s, want 20", got)
	}
}
