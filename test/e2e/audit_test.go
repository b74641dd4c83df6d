package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// What is done by the command line stands in the audit trail of the console, by the user whom the kernel names. What will be done with
// mail is told before.
func TestCommandLineInTheAudit(t *testing.T) {
	t.Parallel()
	s, url := withConsole(t, nil)
	onEmbedded(t, s, func(t *testing.T, r *rig) {
		o := r.operator(url)
		r.publish(`{"recipient":"you@gone.test","mime":"x","delayed":%q}`, soon(3600))
		r.tells("backlog", "gone.test", "the time of its next attempt")
		var preview struct {
			Effect struct {
				Messages, Parked int
				Oldest, Final    string
			}
		}
		o.call("POST", "/destinations/gone.test/preview", map[string]any{"action": "fail", "reason": "gone"}, &preview)
		if e := preview.Effect; e.Messages != 1 || e.Parked != 1 || e.Oldest == "" || e.Final == "" {
			t.Errorf("preview %+v", e)
		}
		eventually(t, "the message fails", func() bool { // it may just be on its way to where it waits
			return strings.Contains(r.command("", "fail", "gone.test", "--reason", "gone", "--yes"), "1 message")
		})
		r.command("", "pause", "held.test")
		r.command("", "resume", "held.test")

		var changes struct {
			Changes []struct {
				ID                        int64
				Who, Table, Action, Final string
				After                     map[string]any
			}
		}
		o.call("GET", "/changes", nil, &changes)
		var told []string
		for _, c := range changes.Changes {
			if !strings.HasPrefix(c.Who, fmt.Sprintf("command line (uid %d", os.Getuid())) {
				t.Errorf("change %+v", c)
			}
			told = append(told, c.Table+" "+c.Action)
		}
		if got := strings.Join(told, ", "); got != "paused delete, paused insert, mail fail" {
			t.Fatalf("changes: %s", got)
		}
		if c := changes.Changes[2]; c.After["destination"] != "gone.test" || c.After["messages"] != "1" || c.Final == "" {
			t.Errorf("change %+v", c)
		}
		o.call("POST", fmt.Sprintf("/changes/%d/undo", changes.Changes[0].ID), map[string]any{}, nil)
		r.publish(`{"recipient":"you@held.test","mime":"x"}`)
		r.tells("backlog", "held.test", "the end of a pause: domain held.test")
	})
}
