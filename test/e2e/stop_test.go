package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/sink"
)

// load publishes n numbered messages for a handful of domains.
func (r *rig) load(n int) {
	r.t.Helper()
	var lines []string
	for i := range n {
		lines = append(lines, fmt.Sprintf(`{"id":%d,"envelope":"me@sender.test","recipient":"%d@load%d.test","mime":"Subject: %d\r\n\r\nbody\r\n"}`, i, i, i%5, i))
	}
	r.publish("%s", strings.Join(lines, "\n"))
}

// roughLoad is a load of which every fifth message is put off once at RCPT and every fifth at its final dot.
func (r *rig) roughLoad(n int) {
	r.t.Helper()
	var lines []string
	for i := range n {
		to := fmt.Sprintf("%d@load%d.test", i, i%5)
		switch i % 5 {
		case 1:
			to = fmt.Sprintf("defer.1@rough%d.test", i)
		case 2:
			to = fmt.Sprintf("defer-dot.1@rough%d.test", i)
		}
		lines = append(lines, fmt.Sprintf(`{"id":%d,"recipient":"%s","mime":"Subject: %d\r\n\r\nbody\r\n","retries":[1]}`, i, to, i))
	}
	r.publish("%s", strings.Join(lines, "\n"))
}

// accepted counts for each recipient how often the receiver has said yes.
func (r *rig) accepted() map[string]int {
	n := map[string]int{}
	for _, m := range r.sink.Messages() {
		if m.Decision == "accepted" {
			n[m.Recipients[0]]++
		}
	}
	return n
}

// once wants that each of n messages was accepted one time.
func (r *rig) once(n int) {
	r.t.Helper()
	accepted := r.accepted()
	if len(accepted) != n {
		r.t.Errorf("%d of %d messages at the receiver", len(accepted), n)
	}
	for to, times := range accepted {
		if times != 1 {
			r.t.Errorf("%s was accepted %d times", to, times)
		}
	}
}

// everyone collects results until each of n messages has one; a result published again has the same id.
func (r *rig) everyone(role string, n int) {
	r.t.Helper()
	ids := map[string]map[string]bool{}
	eventually(r.t, fmt.Sprintf("%d different messages in %s", n, role), func() bool {
		for _, p := range r.queues.get(r.t, r.queues.of(role)) {
			o := parse(r.t, p)
			if ids[o.ID.String()] == nil {
				ids[o.ID.String()] = map[string]bool{}
			} else if !r.queues.hasIDs() {
				r.t.Errorf("two results: %s", o.raw)
			}
			ids[o.ID.String()][o.delivery.MessageId] = true
			if l := o.last(); l.State != "message" || l.Result != "accepted" {
				r.t.Errorf("%s", o.raw)
			}
		}
		return len(ids) >= n
	})
	for id, messages := range ids {
		if len(messages) != 1 {
			r.t.Errorf("message %s has the results %v", id, messages)
		}
	}
}

// A stop in the middle of a load, and a start after it: nothing is lost, nothing is sent twice (F27).
func TestStopWhileSending(t *testing.T) {
	const n = 300
	onBoth(t, setup{sink: sink.Options{Latency: 20 * time.Millisecond}}, func(t *testing.T, r *rig) {
		r.roughLoad(n)
		for _, some := range []int{n / 6, n / 2} {
			eventually(t, "some are sent", func() bool { return len(r.accepted()) >= some })
			begin := time.Now()
			r.stop()
			at := len(r.accepted())
			t.Logf("stopped within %v, %d of %d sent", time.Since(begin), at, n)
			if at == n {
				t.Error("the stop came too late to say anything")
			}
			r.start()
		}
		r.everyone("results", n)
		r.everyone("success", n)
		r.once(n)
		r.empty("failure", "outbox")
	})
}

// What waits for its time waits on disk: through a stop and a start, without another attempt and not too early.
func TestRestartWithMailWaiting(t *testing.T) {
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		at := soon(4)
		r.publish(`{"id":1,"recipient":"you@waiting.test","mime":"x","delayed":%q}`, at)
		r.publish(`{"id":2,"recipient":"defer.1@waiting.test","mime":"x","retries":[3]}`)
		r.publish(`{"id":3,"recipient":"you@waiting.test","mime":"x","delayed":%q,"maxdelivertime":%q}`, soon(3600), at)
		r.take("retry", 1)
		r.queuesEmpty("outbox")
		r.stop()
		r.start()
		for _, o := range r.take("results", 3) {
			switch {
			case o.ID == "1" && (len(o.Results) != 1 || moment(t, o.last().Time).Before(moment(t, at))),
				o.ID == "2" && (len(o.Results) != 2 || o.last().Attempt != 2 || o.last().State != "message"),
				o.ID == "3" && o.last().brief() != "amqp/timeout 554 5.4.7":
				t.Errorf("%s", o.raw)
			}
		}
		r.take("success", 2)
		r.take("failure", 1)
		r.received("you@waiting.test")
		r.received("defer.1@waiting.test")
		r.empty("retry", "outbox")
	})
}

// queuesEmpty waits until queue list says that a queue is empty.
func (r *rig) queuesEmpty(role string) {
	r.t.Helper()
	eventually(r.t, role+" is empty", func() bool {
		ready, inHand := r.inQueue(role)
		return ready == "0" && inHand == "0"
	})
}

// inQueue is what queue list says of a queue: how many are ready, and how many are in the hands of the daemon.
func (r *rig) inQueue(role string) (ready, inHand string) {
	r.t.Helper()
	for line := range strings.Lines(r.command("", "queue", "list")) {
		if f := strings.Fields(line); len(f) > 3 && f[0] == r.queues.of(role) {
			return f[2], f[3]
		}
	}
	return "", ""
}
