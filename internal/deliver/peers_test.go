package deliver

import (
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestPeersAreRemembered: a server that gets out of step is spared the short way for an hour, one that hangs up on an offered
// envelope after the second time, and one that ends sessions early is left in time.
func TestPeersAreRemembered(t *testing.T) {
	once := func(command string, n int, what string) func(string, int) string {
		return func(c string, i int) string {
			if c == command && i == n {
				return what
			}
			return ""
		}
	}
	for _, c := range []struct {
		name  string
		act   func(string, int) string
		after []bool // offered on the 1st, 2nd ... connection
		limit int
	}{
		{"good", nil, []bool{true, true, true}, 0},
		{"two answers to the dot", once("dot", 1, "250 2.0.0 ok\n250 2.0.0 ok"), []bool{true, false, false}, 0},
		{"hangs up", once("MAIL", 2, "drop"), []bool{true, true, false}, 0},
		{"ends the session", once("MAIL", 3, "421 4.7.0 enough"), []bool{true, true, true}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &peer{caps: []string{"PIPELINING"}, act: c.act}
				var servers sync.WaitGroup
				client := New(Options{Connect: pipes(p, &servers)})
				for i, want := range append(c.after, true) {
					if i == len(c.after) { // an hour later all is forgotten
						time.Sleep(memory + time.Second)
					}
					r := &recorder{ended: make(chan struct{}), ahead: true}
					for n := range 4 {
						r.jobs = append(r.jobs, makeJob(uint64(n+1), ""))
					}
					conn := client.Open(t.Context(), Dial{Name: "me.test", Targets: someTargets(1)}, r)
					<-r.ended
					servers.Wait()
					if r.askedAhead != want {
						t.Errorf("connection %d: asked ahead %v; %v", i, r.askedAhead, r.events)
					}
					if limit := conn.Info().Limit; limit != c.limit {
						t.Errorf("connection %d: limit %d, want %d", i, limit, c.limit)
					}
					if back := strings.Contains(strings.Join(r.events, " "), "limited"); back && i > 0 && i < len(c.after) {
						t.Errorf("connection %d ran into the limit again: %v", i, r.events)
					}
				}
			})
		})
	}
}

func TestPeersAreBounded(t *testing.T) {
	p := newPeers(10)
	for i := range 1000 {
		p.outOfStep(netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}), 25), time.Unix(0, 0))
	}
	if len(p.of) != 10 {
		t.Errorf("%d peers are remembered", len(p.of))
	}
}
