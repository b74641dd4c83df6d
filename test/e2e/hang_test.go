package e2e

import (
	"testing"
	"time"
)

// A receiver that says nothing does not hold up a stop: what is before its final dot goes back, unattempted, and is sent after the
// next start (F16, F27).
func TestStopWhileReceiversHang(t *testing.T) {
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		hanging := []string{"hang-mail.1", "hang-rcpt.1", "hang-data.1"}
		for i, script := range hanging {
			from, to := "me", script
			if i == 0 {
				from, to = script, "you"
			}
			r.publish(`{"id":%d,"envelope":"%s@sender.test","recipient":"%s@hang%d.test","mime":"Subject: x\r\n\r\nbody\r\n"}`, i, from, to, i)
		}
		eventually(t, "all of them hang", func() bool { return r.sink.Stats().Rude >= int64(len(hanging)) })
		begin := time.Now()
		r.stop()
		if took := time.Since(begin); took > time.Minute { // they hang for five
			t.Errorf("the stop took %v", took)
		}
		r.start()
		for _, o := range r.succeed(len(hanging)) {
			if len(o.Results) != 1 {
				t.Errorf("%s", o.raw)
			}
		}
		if n := len(r.accepted()); n != len(hanging) {
			t.Errorf("%d of %d are accepted", n, len(hanging))
		}
		r.empty("retry", "failure", "outbox")
	})
}

// Nor does it hold up mail to others.
func TestHangingReceiverHoldsUpNobody(t *testing.T) {
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		for i := range 20 {
			r.publish(`{"recipient":"hang-rcpt@hang%d.test","mime":"x"}`, i%3)
		}
		r.load(100)
		r.succeed(100)
		r.empty("failure", "retry")
	})
}
