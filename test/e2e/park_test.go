package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/testbed"
)

// numbered are n messages for five domains, with ids that count up from first.
func numbered(first, n int) string {
	var lines []string
	for i := first; i < first+n; i++ {
		lines = append(lines, fmt.Sprintf(`{"id":%d,"recipient":"%d@load%d.test","mime":"Subject: %d\r\n\r\nbody\r\n"}`, i, i, i%5, i))
	}
	return strings.Join(lines, "\n")
}

// The broker goes away while mail of a pause is put aside, stays away, and goes again: what it gives a second time waits once.
func TestBrokerGoesWhileParking(t *testing.T) {
	const n = 500
	behindProxy(t, setup{}, func(t *testing.T, r *rig, p *testbed.Proxy) {
		r.command("", "pause")
		sent, inTime := 0, false
		for sent < 5*n && !inTime { // a break that comes too late says nothing
			p.Delay(10 * time.Millisecond)
			r.publish("%s", numbered(sent, n))
			sent += n
			p.Refuse(true)
			p.Reset()
			refused := p.Accepted()
			eventually(t, "it has tried for a while", func() bool { return p.Accepted() >= refused+4 })
			ready, inHand := r.inQueue("outbox")
			inTime = ready != "0" || inHand != "0"
			p.Refuse(false)
			again := p.Accepted()
			eventually(t, "it is back", func() bool { return p.Accepted() > again })
			p.Cut()
			p.Delay(0)
			r.queuesEmpty("outbox")
		}
		if !inTime {
			t.Error("each break came too late to say anything")
		}
		r.empty("results")
		r.command("", "resume")
		r.everyone("results", sent)
		r.everyone("success", sent)
		r.once(sent)
		r.queuesEmpty("outbox")
		r.empty("retry", "failure")
	})
}

// portion is how many of many messages are published, and waited for, at a time.
const portion = 1000

// many is how much waits in the long pause.
const many = 5 * portion

// A pause of thousands of messages ends: they go out fast, each once.
func TestResumeOfMany(t *testing.T) {
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		r.command("", "pause")
		for from := 0; from < many; from += portion {
			r.publish("%s", numbered(from, portion))
			r.queuesEmpty("outbox")
		}
		r.empty("results")
		began := time.Now()
		r.command("", "resume")
		for some := int64(portion); some <= many; some += portion {
			eventually(t, fmt.Sprint(some, " are sent"), func() bool { return r.sink.Stats().Messages >= some })
		}
		t.Logf("%d messages sent within %v", many, time.Since(began))
		r.everyone("results", many)
		r.everyone("success", many)
		if s := r.sink.Stats().Messages; s != many {
			t.Errorf("%d messages at the receiver, want %d", s, many)
		}
		r.queuesEmpty("outbox")
		r.empty("retry", "failure")
	})
}
