//go:build !soak

package accounting

import "time"

// How long the faults of each run last, how many messages come in meanwhile per second, and how far apart kills are. After three
// of them the program hands out one message at a time, so a run with kills has fewer messages.
const (
	calmTime, calmRate         = 20 * time.Second, 150
	killTime, killRate         = 12 * time.Second, 80
	embeddedTime, embeddedRate = 12 * time.Second, 80
	killLeast, killMost        = time.Second, 5 * time.Second
)

// window is how long before a kill an answered dot may be missing from the ledger: about a millisecond, and on a slow machine that runs
// other tests beside as long as the program is not given a turn.
const window = 2 * time.Second
