package e2e

import (
	"strings"
	"testing"
	"time"
)

// Mail to a paused domain waits, the operator can see why, and it goes out when the pause ends (delivery-control.md section 3).
func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	onEmbedded(t, setup{}, func(t *testing.T, r *rig) {
		if out := r.command("", "pause", "HELD.test"); !strings.Contains(out, "held.test (row 1 of the table paused)") {
			t.Errorf("%s", out)
		}
		r.publish(`{"recipient":"you@held.test","mime":"x"}` + "\n" + `{"recipient":"you@free.test","mime":"x"}`)
		if o := r.succeed(1)[0]; o.Recipient != "you@free.test" {
			t.Errorf("went out in the pause: %s", o.raw)
		}
		r.tells("backlog", "held.test", "the end of a pause: domain held.test")
		r.tells("explain held.test", "held.test waits for: the end of a pause: domain held.test")
		if _, out, complaint := r.try("", "resume", "held.test", "--tag", "news"); out != "" || !strings.Contains(complaint, "no pause") {
			t.Errorf("another pause ended: %s%s", out, complaint)
		}
		r.empty("results")
		if out := r.command("", "resume", "held.test"); !strings.Contains(out, "Resumed") {
			t.Errorf("%s", out)
		}
		r.succeed(1)
		r.received("you@held.test")
		r.tells("backlog", "No mail")
	})
}

// A pause outlives the daemon: it is a row.
func TestPauseOutlivesTheDaemon(t *testing.T) {
	t.Parallel()
	onEmbedded(t, setup{}, func(t *testing.T, r *rig) {
		r.command("", "pause")
		r.publish(`{"recipient":"you@held.test","mime":"x"}`)
		r.tells("backlog", "the end of a pause: everything")
		r.stop()
		r.start()
		r.tells("backlog", "held.test", "the end of a pause: everything")
		r.empty("results")
		r.command("", "resume")
		r.succeed(1)
	})
}

// What waits for its time can be failed, moved to another address, and tried at once (operations.md section 8).
func TestWaitingMailIsSteered(t *testing.T) {
	t.Parallel()
	onEmbedded(t, setup{}, func(t *testing.T, r *rig) {
		ip, later := another(t), soon(3600)
		for _, to := range []string{"fail", "move", "now"} {
			r.publish(`{"recipient":"you@%s.test","mime":"x","ips":["127.0.0.1"],"delayed":%q}`, to, later)
		}
		r.tells("backlog", "fail.test", "move.test", "now.test", "the time of its next attempt")
		if code, _, complaint := r.try("", "fail", "fail.test", "--reason", "no such customer"); code != 64 || !strings.Contains(complaint, "--yes") {
			t.Errorf("failed without consent: exit %d: %s", code, complaint)
		}
		r.command("", "fail", "fail.test", "--reason", "no such customer", "--yes")
		if o := r.one("failure"); o.Recipient != "you@fail.test" || o.last().State != "process" || !strings.Contains(o.last().Description, "no such customer") {
			t.Errorf("%s", o.raw)
		}
		r.take("results", 1)
		if code, _, complaint := r.try("", "move", "move.test", "--ip", "198.51.100.1"); code != 64 {
			t.Errorf("moved to a stranger's address: exit %d: %s", code, complaint)
		}
		r.command("", "move", "move.test", "--ip", ip)
		for to, from := range map[string]string{"move.test": ip, "now.test": "127.0.0.1"} {
			r.command("", "retry-now", to)
			if o := r.succeed(1)[0]; o.Recipient != "you@"+to || o.last().From != from {
				t.Errorf("%s: want from %s: %s", to, from, o.raw)
			}
		}
		r.empty("retry", "failure")
	})
}

// An evacuation for good gives what waits back to the outbox, with its time, and ends the daemon.
func TestEvacuateAndStop(t *testing.T) {
	t.Parallel()
	onRabbit(t, setup{}, func(t *testing.T, r *rig) {
		r.publish(`{"id":5,"recipient":"you@later.test","mime":"x","delayed":%q}`, soon(3600))
		r.tells("backlog", "later.test")
		if out := r.command("", "evacuate", "--stop"); !strings.Contains(out, "outbox") {
			t.Errorf("%s", out)
		}
		r.evacuated()
		r.stop()
		if o := r.one("outbox"); o.ID != "5" || o.Delayed == "" {
			t.Errorf("%s", o.raw)
		}
		r.empty("results", "retry", "failure")
	})
}

// evacuated waits until the daemon wants to be stopped.
func (r *rig) evacuated() {
	r.t.Helper()
	select {
	case <-r.daemon.Evacuated():
	case <-time.After(patience):
		r.t.Fatal("the daemon was not told to stop")
	}
}
