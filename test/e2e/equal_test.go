package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/sink"
	"posthoorn/internal/testbed"
)

// Messages that are equal in every byte are as many messages as there are of them.
func TestEqualMessages(t *testing.T) {
	const n = 20
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		r.publish("%s", strings.Repeat(`{"recipient":"you@equal.test","mime":"x"}`+"\n", n))
		r.succeed(n)
		if got := r.accepted()["you@equal.test"]; got != n {
			t.Errorf("accepted %d times, want %d", got, n)
		}
		r.publish("%s", strings.Repeat(`{"recipient":"defer@equal.test","mime":"x","retries":[1],"maxattempts":2}`+"\n", n))
		r.take("retry", n)
		for _, o := range r.take("failure", n) {
			if len(o.Results) != 2 {
				t.Errorf("%s", o.raw)
			}
		}
		r.take("results", n)
		r.empty("outbox", "success")
	})
}

// Even when the connection to the broker breaks while they are on their way.
func TestEqualMessagesWhenTheBrokerBreaks(t *testing.T) {
	const n = 100
	behindProxy(t, setup{sink: sink.Options{Latency: 20 * time.Millisecond}}, func(t *testing.T, r *rig, p *testbed.Proxy) {
		var lines []string
		for i := range n {
			lines = append(lines, fmt.Sprintf(`{"id":%d,"recipient":"%d@equal.test","mime":"x"}`, i%4, i%4))
		}
		r.publish("%s", strings.Join(lines, "\n"))
		for _, some := range []int{n / 5, n / 2} {
			eventually(t, "some are sent", func() bool { return len(r.sink.Messages()) >= some })
			p.Cut()
		}
		r.queuesEmpty("outbox")
		eventually(t, "all are sent", func() bool { return len(r.sink.Messages()) >= n })
		for to, times := range r.accepted() {
			if times != n/4 {
				t.Errorf("%s was accepted %d times, want %d", to, times, n/4)
			}
		}
	})
}
