package app

import (
	"context"
	"time"
)

// sample notes once a second what is in memory, waits and is connected, for the charts of the console.
func (d *Daemon) sample(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		limited, cancel := context.WithTimeout(ctx, time.Second)
		all, sources, err := d.engine.Gauges(limited)
		cancel()
		if err == nil {
			d.stats.Sample(time.Now(), all, sources)
		}
	}
}
