//go:build !soak

package accounting

import "time"

// How long the faults of each run last, and how many messages come in meanwhile.
const (
	calmTime     = 25 * time.Second
	killTime     = 12 * time.Second
	embeddedTime = 12 * time.Second
	perSecond    = 150
)
