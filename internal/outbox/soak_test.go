//go:build soak

package outbox

import (
	"testing"
	"time"
)

// All of a large backlog of one destination is handed to connections when its pause ends, and each message once.
func TestSoakBacklogAfterAPause(t *testing.T) {
	const n = 50_000
	peer := newReceiver(t, nil)
	r, s := ruled(t, peer, nil)
	s.set(t, "paused", "target=receiver.test")
	r.stock(n, "")
	if got := len(peer.all()); got > 0 {
		t.Fatalf("%d messages went out during the pause", got)
	}
	began := time.Now()
	s.set(t, "paused")
	for left := n; left > 0; left -= 1000 {
		r.read("success", 1000)
	}
	t.Logf("%d messages in %v", n, time.Since(began).Round(time.Millisecond))
	if got := len(peer.all()); got != n {
		t.Errorf("%d messages at the receiver", got)
	}
}

// The same as in the short run, for longer; -stress-seed chooses another one.
func TestSoakEverythingAtOnce(t *testing.T) {
	for name, remote := range map[string]bool{"embedded": false, "remote": true} {
		t.Run(name, func(t *testing.T) { runStress(t, remote, 20_000, time.Minute) })
	}
}
