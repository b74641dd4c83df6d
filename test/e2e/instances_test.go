package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/sink"
)

// twin is another daemon beside this one, with the same queues and receivers and a state directory of its own.
func (r *rig) twin() *rig {
	r.t.Helper()
	other := *r
	other.dir, other.daemon = r.t.TempDir(), nil
	other.door = "127.0.0.1:" + freePort(r.t)
	other.file = other.write("config.txt", other.keys(nil, r.broker))
	other.server = other.file
	other.start()
	r.t.Cleanup(other.stop)
	return &other
}

// Two instances share an outbox; one is stopped in the middle of the load. What it had in memory goes to the other, what it had
// put into its local queue waits for its next start.
func TestTwoInstances(t *testing.T) {
	const n = 300
	t.Parallel()
	onRabbit(t, setup{sink: sink.Options{Latency: 20 * time.Millisecond}}, func(t *testing.T, r *rig) {
		other := r.twin()
		r.load(n)
		eventually(t, "some are sent", func() bool { return len(r.sink.Messages()) >= n/5 })
		other.stop()
		r.queuesEmpty("outbox")
		other.start()
		r.everyone("results", n)
		r.everyone("success", n)
		r.once(n)
		r.queuesEmpty("outbox")
		r.empty("retry", "failure")
	})
}

// A connection carries one message after the other, and counts them.
func TestConnectionIsUsedAgain(t *testing.T) {
	const n = 20
	onBoth(t, setup{keys: map[string]string{"smtp-connections-out": "1"}}, func(t *testing.T, r *rig) {
		var lines []string // published at once: the connection must not wait for the next one until it is closed
		for i := range n {
			to := "you"
			if i == n/2 {
				to = "refuse"
			}
			lines = append(lines, fmt.Sprintf(`{"id":%d,"recipient":"%s@one.test","mime":"Subject: x\r\n\r\nbody\r\n"}`, i, to))
		}
		r.publish("%s", strings.Join(lines, "\n"))
		r.take("success", n-1)
		r.take("failure", 1)
		seen := map[int]bool{}
		for _, o := range r.take("results", n) {
			seen[o.last().Messages] = true
		}
		if len(seen) != n || !seen[1] || !seen[n] {
			t.Errorf("numbers on the connection %v", seen)
		}
		if c := r.sink.Stats().Connections; c != 1 {
			t.Errorf("%d connections, want 1", c)
		}
		for _, m := range r.sink.Messages() {
			if want := "Subject: x\r\n\r\nbody\r\n"; string(m.Source) != want {
				t.Errorf("%q", m.Source)
			}
		}
	})
}
