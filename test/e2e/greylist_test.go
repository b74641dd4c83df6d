package e2e

import (
	"encoding/json"
	"testing"
)

// A message that is put off once waits in the local queue, not in the outbox; its copy goes to the retry queue; in the end the
// result holds both attempts (results-json.md section 2).
func TestGreylistedThenAccepted(t *testing.T) {
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		r.publish(`{"id":7,"envelope":"me@sender.test","recipient":"defer.1@grey.test","mime":"Subject: x\r\n\r\nbody\r\n","retries":[1]}`)
		copied := r.one("retry")
		due := moment(t, copied.Delayed)
		if l := copied.last(); l.brief() != "rcptto/error 451 4.7.1 Try again later" || l.DSN != nil || l.Attempt != 1 {
			t.Errorf("%s", copied.raw)
		}
		if *copied.Mime != "Subject: x\r\n\r\nbody\r\n" || copied.ID != "7" || copied.MaxDeliverTime == "" {
			t.Errorf("%s", copied.raw)
		}
		o := r.one("success")
		r.take("results", 1)
		if len(o.Results) != 2 || o.Results[0] != copied.Results[0] || o.last().State != "message" || o.last().Attempt != 2 {
			t.Errorf("%s", o.raw)
		}
		if at := moment(t, o.last().Time); at.Before(due) {
			t.Errorf("second attempt at %v, due at %v", at, due)
		}
		if o.MaxDeliverTime != copied.MaxDeliverTime || o.Mime != nil {
			t.Errorf("%s", o.raw)
		}
		r.received("defer.1@grey.test")
		r.empty("outbox", "retry", "results", "failure")
	})
}

// The time of the next attempt is written in the form that the message came with (message-json.md section 3).
func TestRetryKeepsNextAttempt(t *testing.T) {
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		r.publish(`{"recipient":"defer.1@grey.test","nextattempt":{"time":"2001-01-01T00:00:00Z"},"mime":"x","retries":[1]}`)
		copied := r.one("retry")
		var next struct{ Time string }
		if err := json.Unmarshal(copied.fields["nextattempt"], &next); err != nil || copied.fields["delayed"] != nil {
			t.Fatalf("%v: %s", err, copied.raw)
		}
		if at := moment(t, next.Time); at.Before(moment(t, copied.last().Time)) {
			t.Errorf("%s", copied.raw)
		}
		if o := r.one("results"); len(o.Results) != 2 {
			t.Errorf("%s", o.raw)
		}
	})
}
