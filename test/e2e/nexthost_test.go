package e2e

import (
	"testing"

	"posthoorn/internal/sink"
)

// nextHosts are domains whose first host is in trouble.
const nextHosts = `
refused.test   MX 10 nobody.refused.test
refused.test   MX 20 good.refused.test
nobody.refused.test A 127.0.2.1
good.refused.test   A 127.0.0.1
busy.test      MX 10 busy.busy.test
busy.test      MX 20 good.busy.test
busy.busy.test A 127.0.2.2
good.busy.test A 127.0.0.1
gone.test      MX 10 gone.gone.test
gone.test      MX 20 good.gone.test
gone.gone.test A 127.0.2.3
good.gone.test A 127.0.0.1
never.test     MX 10 never.never.test
never.test     MX 20 good.never.test
never.never.test A 127.0.2.4
good.never.test  A 127.0.0.1
two.test       A 127.0.2.1
two.test       A 127.0.0.1
missing.test   MX 10 nowhere.missing.test
missing.test   MX 20 good.missing.test
good.missing.test A 127.0.0.1
final.test     MX 10 final.final.test
final.test     MX 20 good.final.test
final.final.test A 127.0.2.5
good.final.test  A 127.0.0.1
`

// Trouble with the connection leads to the next host of the same message and attempt; a refusal of the message does not (F19).
func TestNextHost(t *testing.T) {
	onBoth(t, setup{zone: nextHosts}, func(t *testing.T, r *rig) {
		r.sinkAt("127.0.2.2", sink.Options{Scripts: []string{"defer-greeting"}})
		r.sinkAt("127.0.2.3", sink.Options{Scripts: []string{"drop-greeting"}})
		r.sinkAt("127.0.2.4", sink.Options{Scripts: []string{"refuse-greeting"}})
		first := r.sinkAt("127.0.2.5", sink.Options{})
		domains := []string{"refused", "busy", "gone", "never", "two", "missing"}
		for _, d := range domains {
			r.publish(`{"recipient":"you@%s.test","mime":"x"}`, d)
		}
		for _, o := range r.succeed(len(domains)) {
			if o.last().To != "127.0.0.1" || len(o.Results) != 1 {
				t.Errorf("%s", o.raw)
			}
		}
		r.publish(`{"recipient":"refuse@final.test","mime":"x"}`)
		if o := r.one("failure"); o.last().brief() != "rcptto/error 550 5.1.1 No such user here" || o.last().To != "127.0.2.5" {
			t.Errorf("%s", o.raw)
		}
		r.publish(`{"recipient":"you@final.test","mime":"x"}`)
		r.take("success", 1)
		if n := len(first.Messages()); n != 1 {
			t.Errorf("%d messages at the first host, want 1", n)
		}
		r.empty("retry")
	})
}
