package app

import (
	"math/rand/v2"
	"testing"
	"time"
)

// Every second gets its sample, though each comes up to 0.4 s late.
func TestSampledEverySecond(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	now := time.Date(2031, 5, 4, 9, 0, 0, 990_000_000, time.UTC)
	for last := now.Unix(); last < 1_935_651_600+1000; last++ {
		now = now.Add(untilSample(now) + time.Duration(r.IntN(400))*time.Millisecond)
		if now.Unix() != last+1 {
			t.Fatalf("after that of %d comes a sample of %d", last, now.Unix())
		}
	}
}
