//go:build soak

package accounting

import "time"

// As in the short runs, long enough for some two hundred kills.
const (
	calmTime     = 15 * time.Minute
	killTime     = 10 * time.Minute
	embeddedTime = 10 * time.Minute
	perSecond    = 300
)
