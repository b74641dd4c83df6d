package e2e

import (
	"testing"
	"time"
)

// A deadline that passes during a pause ends the message within a minute, without an attempt (queues.md section 8).
func TestDeadlinePassesInThePause(t *testing.T) {
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		r.command("", "pause", "held.test")
		deadline := soon(4)
		r.publish(`{"id":1,"recipient":"you@held.test","mime":"x","maxdelivertime":%q}`+"\n"+`{"id":2,"recipient":"you@held.test","mime":"x"}`, deadline)
		o := r.one("failure")
		at, due := moment(t, o.last().Time), moment(t, deadline)
		if o.ID != "1" || len(o.Results) != 1 || o.last().brief() != "amqp/timeout 554 5.4.7" || at.Before(due) || at.After(due.Add(time.Minute+patience)) {
			t.Errorf("deadline %v: %s", deadline, o.raw)
		}
		r.take("results", 1)
		if n := len(r.sink.Messages()); n != 0 {
			t.Errorf("%d messages sent in the pause", n)
		}
		r.command("", "resume", "held.test")
		if o := r.succeed(1)[0]; o.ID != "2" {
			t.Errorf("%s", o.raw)
		}
		r.empty("retry", "failure", "outbox")
	})
}
