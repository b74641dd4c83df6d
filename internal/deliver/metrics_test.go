package deliver

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// inPhases says how many connections are in which phase.
func (c *Client) inPhases() (s string) {
	for i := range c.metrics.phases {
		if n := c.metrics.phases[i].Load(); n != 0 {
			s += fmt.Sprint(Phase(i), ":", n, " ")
		}
	}
	return s
}

// TestPhasesAndSeconds: a connection is counted in the phase that it is in, and an attempt takes from MAIL to its result, without
// what the peer takes for the message before where both go together.
func TestPhasesAndSeconds(t *testing.T) {
	for mode, want := range map[string]struct {
		caps    []string
		ahead   bool
		seconds float64
	}{
		"stepwise": {nil, false, 3 + 3},
		"short":    {[]string{"PIPELINING"}, true, 3 + 3},
	} {
		synctest.Test(t, func(t *testing.T) {
			var client *Client
			seen := map[string]string{}
			p := &peer{caps: want.caps, act: func(command string, _ int) string {
				time.Sleep(map[string]time.Duration{"MAIL": time.Second, "dot": 2 * time.Second}[command])
				synctest.Wait() // until the client waits for the answer
				seen[command] = client.inPhases()
				return ""
			}}
			r := &recorder{ended: make(chan struct{}), ahead: want.ahead, jobs: []*Job{makeJob(1, ""), makeJob(2, "")}}
			var servers sync.WaitGroup
			client = New(Options{Connect: pipes(p, &servers)})
			client.Open(t.Context(), Dial{Name: "me.test", Targets: someTargets(1)}, r)
			<-r.ended
			servers.Wait()
			synctest.Wait()
			if got := fmt.Sprint(seen["greeting"], seen["EHLO"], seen["dot"], seen["QUIT"]); got != "greeting:1 ehlo:1 waiting:1 closing:1 " {
				t.Errorf("%s: %s", mode, got)
			}
			if left := client.inPhases(); left != "" {
				t.Errorf("%s: left behind: %s", mode, left)
			}
			var m dto.Metric
			if err := client.metrics.seconds.Write(&m); err != nil {
				t.Fatal(err)
			}
			if h := m.GetHistogram(); h.GetSampleCount() != 2 || h.GetSampleSum() != want.seconds {
				t.Errorf("%s: %d attempts in %v seconds, want 2 in %v", mode, h.GetSampleCount(), h.GetSampleSum(), want.seconds)
			}
		})
	}
}
