//go:build soak

package accounting

import "time"

// As in the short runs, long enough for some two hundred kills each.
const (
	calmTime, calmRate         = 15 * time.Minute, 200
	killTime, killRate         = 6 * time.Minute, 30
	embeddedTime, embeddedRate = 6 * time.Minute, 30
	killLeast, killMost        = 50 * time.Millisecond, 3 * time.Second
)

// window is as in the short runs, on a machine that has time.
const window = 300 * time.Millisecond
