package deliver

import (
	"sync"
	"sync/atomic"
	"testing"
)

// Whoever looks at a connection whose final dot the peer has finds that its reply is waited for.
func TestWaitingFromTheDotOn(t *testing.T) {
	var conn atomic.Pointer[Conn]
	p := &peer{caps: []string{"PIPELINING"}}
	var servers sync.WaitGroup
	connect := pipes(p, &servers)
	p.act = func(command string, _ int) string {
		if c := conn.Load(); command == "dot" && c.Phase() != Waiting {
			t.Errorf("the dot is out in phase %v", c.Phase())
		}
		return ""
	}
	r := &watched{recorder: recorder{ended: make(chan struct{})}, conn: &conn}
	for i := range 200 {
		r.jobs = append(r.jobs, makeJob(uint64(i+1), ""))
	}
	New(Options{Connect: connect}).Open(t.Context(), Dial{Name: "me.test", Targets: someTargets(1)}, r)
	<-r.ended
	servers.Wait()
	if n := len(p.taken()); n != 200 {
		t.Errorf("%d messages", n)
	}
}

// watched shows its connection.
type watched struct {
	recorder
	conn *atomic.Pointer[Conn]
}

func (w *watched) Opened(c *Conn) {
	w.conn.Store(c)
	w.recorder.Opened(c)
}
