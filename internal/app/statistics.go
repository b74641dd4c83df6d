package app

import (
	"context"
	"time"
)

// sample notes once a second what is in memory, waits and is connected, for the charts of the console.
func (d *Daemon) sample(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(untilSample(time.Now())):
		}
		limited, cancel := context.WithTimeout(ctx, time.Second)
		all, sources, err := d.engine.Gauges(limited)
		cancel()
		if err == nil {
			d.stats.Sample(time.Now(), all, sources)
		}
	}
}

// untilSample is how long it is to the middle of the next second: a sample that comes a little early or late is still one of its second,
// and none is left without.
func untilSample(now time.Time) time.Duration {
	return now.Truncate(time.Second).Add(time.Second + time.Second/2).Sub(now)
}
