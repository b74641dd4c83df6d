package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// The table of queues.md section 2: what a message says about its queues counts more than the file.
func TestQueuesOfTheMessage(t *testing.T) {
	cases := []struct {
		name, queues string
		want         map[string]string // by role: the queue that has its result
	}{
		{"absent", ``, map[string]string{"results": "results", "success": "success"}},
		{"null object", `,"queues":null`, map[string]string{"results": "results", "success": "success"}},
		{"no object", `,"queues":"mine"`, map[string]string{"results": "results", "success": "success"}},
		{"null", `,"queues":{"success":null}`, map[string]string{"results": "results"}},
		{"empty", `,"queues":{"results":""}`, map[string]string{"success": "success"}},
		{"text null", `,"queues":{"results":"null"}`, map[string]string{"success": "success"}},
		{"other name", `,"queues":{"results":"MINE"}`, map[string]string{"results": "MINE", "success": "success"}},
		{"both to one", `,"queues":{"results":"MINE","success":"MINE"}`, map[string]string{"results": "MINE", "success": "MINE"}},
		{"other roles", `,"queues":{"failure":null,"retry":"MINE","unknown":"MINE"}`, map[string]string{"results": "results", "success": "success"}},
		{"wrong type", `,"queues":{"results":7,"success":["MINE"]}`, map[string]string{"results": "results", "success": "success"}},
		{"nothing at all", `,"queues":{"results":null,"success":null}`, nil},
	}
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		own := r.queues.of("own")
		want, sum := map[string]int{}, map[string]int{}
		var lines []string
		for i, c := range cases {
			lines = append(lines, fmt.Sprintf(`{"id":%d,"recipient":"you@override.test","mime":"x"%s}`, i, strings.ReplaceAll(c.queues, "MINE", own)))
			for _, queue := range c.want {
				want[fmt.Sprintf("%d in %s", i, queue)]++
				sum[queue]++
			}
		}
		r.publish("%s", strings.Join(lines, "\n"))
		got := map[string]int{}
		for queue, n := range sum {
			name := r.queues.of(strings.Replace(queue, "MINE", "own", 1))
			for _, o := range r.takeFrom(name, n) {
				got[fmt.Sprintf("%s in %s", o.ID, queue)]++
			}
		}
		for key, n := range want {
			if got[key] != n {
				t.Errorf("%d times %s, want %d", got[key], key, n)
			}
		}
		eventually(t, "all are delivered", func() bool { return len(r.sink.Messages()) == len(cases) })
		r.empty("failure", "retry", "outbox")
	})
}

// A retry and a failure go to the queues that the message names too.
func TestRetryAndFailureQueuesOfTheMessage(t *testing.T) {
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		retries, failures := r.queues.of("my-retries"), r.queues.of("my-failures")
		r.publish(`{"recipient":"defer@override.test","mime":"x","retries":[1],"maxattempts":2,"queues":{"results":null,"retry":%q,"failure":%q}}`, retries, failures)
		if o := r.takeFrom(retries, 1)[0]; len(o.Results) != 1 {
			t.Errorf("%s", o.raw)
		}
		if o := r.takeFrom(failures, 1)[0]; len(o.Results) != 2 {
			t.Errorf("%s", o.raw)
		}
		r.empty("results", "success", "failure", "retry")
	})
}

// The retry queue may be off.
func TestNoRetryQueue(t *testing.T) {
	onBoth(t, setup{keys: map[string]string{"rabbitmq-retry": ""}}, func(t *testing.T, r *rig) {
		r.publish(`{"recipient":"defer.1@override.test","mime":"x","retries":[1]}`)
		if o := r.one("results"); len(o.Results) != 2 {
			t.Errorf("%s", o.raw)
		}
		r.take("success", 1)
		r.empty("retry", "failure")
	})
}
