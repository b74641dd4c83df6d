package e2e

import (
	"strings"
	"testing"
)

// The queue commands see the same on both queues (operations.md section 8).
func TestQueueCommands(t *testing.T) {
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		results, outbox := r.queues.of("results"), r.queues.of("outbox")
		r.publish(`{"id":1,"recipient":"you@commands.test","mime":"x"}`)
		r.publish(`{"id":2,"recipient":"refuse@commands.test","mime":"x"}`)
		eventually(t, "two results", func() bool { return strings.Count(r.command("", "queue", "read", "--keep", results), "\n") == 2 })
		if list := r.command("", "queue", "list"); !strings.Contains(list, results) || !strings.Contains(list, outbox) {
			t.Errorf("%s", list)
		}
		r.publish(`{"recipient":"you@commands.test","mime":"x","delayed":%q}`, soon(3600))
		eventually(t, "a message waits", func() bool { return r.listed("(waiting)") == "1" })
		first := r.command("", "queue", "read", results)
		if strings.Count(first, `"state":"`) != 2 || !strings.HasSuffix(first, "}\n") {
			t.Errorf("%q", first)
		}
		if again := r.command("", "queue", "read", results); again != "" {
			t.Errorf("read twice: %q", again)
		}
		if code, _, complaint := r.try("", "queue", "read", outbox); code != 64 || !strings.Contains(complaint, "--keep") {
			t.Errorf("reading the outbox: exit %d: %s", code, complaint)
		}
		if code, _, complaint := r.try("{}\nno object\n{}\n", "queue", "publish", results); code != 65 || !strings.Contains(complaint, "2") {
			t.Errorf("publishing what is no JSON: exit %d: %s", code, complaint)
		}
		if got := r.command("", "queue", "read", results); got != "{}\n" {
			t.Errorf("%q", got)
		}
		if code, _, complaint := r.try("", "queue", "empty", results); code != 64 || complaint == "" {
			t.Errorf("a command that there is not: exit %d: %s", code, complaint)
		}
	})
}

// listed is the number of messages that queue list tells of a queue; empty when it is not in the list.
func (r *rig) listed(queue string) string {
	r.t.Helper()
	for line := range strings.Lines(r.command("", "queue", "list")) {
		name, rest, _ := strings.Cut(line, "  ")
		if name != queue {
			continue
		}
		for _, column := range strings.Fields(rest) { // words of its role come first
			if column[0] >= '0' && column[0] <= '9' {
				return column
			}
		}
	}
	return ""
}
