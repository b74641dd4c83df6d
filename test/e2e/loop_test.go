package e2e

import (
	"strings"
	"testing"
)

// A message that comes back again and again ends with its hundredth hop (T32, RFC 5321 section 6.3). Here the smarthost is the
// program's own door.
func TestMailLoopEnds(t *testing.T) {
	onBothWith(t, func(port string) setup {
		return setup{keys: map[string]string{"smtp-port": port, "smarthost": "127.0.0.1", "smarthost-port": port}}
	}, func(t *testing.T, r *rig) {
		r.publish(`{"envelope":"me@sender.test","recipient":"you@loop.test","mime":"Subject: x\r\n\r\nx\r\n"}`)
		var o outcome
		eventually(t, "an end", func() bool {
			for _, p := range r.queues.get(t, r.queues.of("failure")) {
				o = parse(t, p)
			}
			return o.raw != nil
		})
		if !strings.HasPrefix(o.last().brief(), "message/error 554 5.4.6 ") {
			t.Errorf("%s", o.raw)
		}
		hops := len(r.queues.get(t, r.queues.of("success")))
		if hops < 90 || hops > 101 {
			t.Errorf("%d hops", hops)
		}
		r.empty("outbox", "retry", "failure")
	})
}
