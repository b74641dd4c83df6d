//go:build soak

package smtpd

import (
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"posthoorn/internal/inject"
)

// TestAThousandSlowSockets is TestCreepingClients over sockets, in real time, with handshakes that do not come to an end as
// well: a good client sends one message after the other beside them.
func TestAThousandSlowSockets(t *testing.T) {
	const slow = 1000
	ts := start(t, func(o *Options, io *inject.Options) { o.MaxSessions, io.Sender = slow+1, nullBroker{} })
	var creeping sync.WaitGroup
	defer creeping.Wait()
	for i := range slow {
		way, address := slowly[i%len(slowly)], ts.plain
		if i%4 == 0 {
			way.begin, way.byte, address = "\x16\x03\x01", "\x01", ts.secure
		}
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		creeping.Go(func() { creep(c, way.begin, way.byte) })
	}
	until(t, func() bool { return ts.Sessions() == slow })
	c := newClient(t, dial(t, ts.plain))
	_ = c.SetDeadline(time.Now().Add(5 * time.Minute))
	c.want("220")
	messages, worst := 0, time.Duration(0)
	for begin := time.Now(); ts.Sessions() > 1; messages++ {
		if time.Since(begin) > 2*time.Minute {
			t.Fatal(ts.Sessions(), "sessions are left")
		}
		sent := time.Now()
		dripData(c)
		c.send("A: b\r\n\r\n.\r\n")
		c.want("250")
		worst = max(worst, time.Since(sent))
		time.Sleep(10 * time.Millisecond)
	}
	if worst > time.Second {
		t.Error("the slowest message took ", worst)
	}
	t.Log(fmt.Sprintf("%d messages meanwhile, the slowest in %v", messages, worst))
}
