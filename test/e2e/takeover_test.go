package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// What an instance has waiting is evacuated while it runs; another one takes it over from the shared outbox: nothing is lost,
// nothing is doubled, and nothing comes back to the first (operations.md section 8).
func TestEvacuationIsTakenOver(t *testing.T) {
	t.Parallel()
	const n = 200
	onRabbit(t, setup{}, func(t *testing.T, r *rig) {
		r.command("", "pause")
		var lines []string
		for i := range n {
			lines = append(lines, fmt.Sprintf(`{"id":%d,"recipient":"%d@load%d.test","mime":"Subject: %d\r\n\r\nbody\r\n"}`, i, i, i%5, i))
		}
		r.publish("%s", strings.Join(lines, "\n"))
		r.queuesEmpty("outbox")
		other := r.twin()
		if out := r.command("", "evacuate", "--stop"); !strings.Contains(out, fmt.Sprintf("%d messages", n)) {
			t.Errorf("%s", out)
		}
		r.evacuated()
		r.stop()
		other.everyone("results", n)
		other.everyone("success", n)
		other.once(n)
		other.queuesEmpty("outbox")
		other.tells("backlog", "No mail")
		r.start()
		r.tells("backlog", "No mail")
		r.empty("results", "success", "retry", "failure")
	})
}
