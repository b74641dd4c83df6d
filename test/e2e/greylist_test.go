package e2e

import "testing"

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
