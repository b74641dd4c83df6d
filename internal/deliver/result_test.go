package deliver

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"

	"posthoorn/internal/mail"
)

// TestResultJSON is the whole of a success and of a failure as they are published.
func TestResultJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the clock of a bubble starts at 2000-01-01
		p := &peer{caps: []string{"DSN"}, greeting: "mx1.b.test ESMTP ready", act: func(command string, n int) string {
			if command == "RCPT" && n == 2 {
				return "450-4.2.0 Greylisted,\n450 4.2.0 see you"
			}
			return ""
		}}
		var servers sync.WaitGroup
		client := New(Options{Connect: pipes(p, &servers)})
		r := &recorder{ended: make(chan struct{}), jobs: []*Job{makeJob(1, ""), makeJob(2, "")}}
		r.jobs[1].Attempt = 3
		conn := client.Open(t.Context(), Dial{
			ID: 7, Name: "me.test", Source: netip.MustParseAddr("198.51.100.7"),
			Targets: []Target{{Host: "mx1.b.test", Addr: netip.MustParseAddrPort("203.0.113.9:25")}},
		}, r)
		<-r.ended
		servers.Wait()
		const peer = `"time":"2000-01-01 00:00:00","mta":"mx1.b.test","from":"198.51.100.7","to":"203.0.113.9"`
		for i, want := range []string{
			`{"attempt":1,"state":"message","result":"accepted",` + peer + `,"messages":1,"sent":{"connection":91,"data":21},"code":250,"status":"2.0.0","description":"queued 1","dsn":true}`,
			`{"attempt":3,"state":"rcptto","result":"error",` + peer + `,"messages":2,"sent":{"connection":138,"data":21},"code":450,"status":"4.2.0","description":"Greylisted, see you"}`,
		} {
			if got := string(r.results[i].AppendJSON(nil)); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
		info := conn.Info()
		if info.ID != 7 || info.Messages != 2 || info.Local != "198.51.100.7" || info.Remote != "203.0.113.9:25" || info.MTA != "mx1.b.test" || info.Phase.String() != "closing" {
			t.Errorf("%+v", info)
		}
	})
}

// TestPanicsStayWhereTheyAre: a listener that fails takes the message in hand with it, not the other one nor the program (F30).
func TestPanicsStayWhereTheyAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &peer{caps: []string{"PIPELINING"}}
		var servers sync.WaitGroup
		reg := prometheus.NewPedanticRegistry()
		client := New(Options{Connect: pipes(p, &servers), Register: reg})
		r := &recorder{ended: make(chan struct{}), jobs: []*Job{makeJob(1, ""), makeJob(2, "")}, ahead: true}
		ready := r.jobs[1]
		ready.Ready = func() bool { panic("poison") }
		client.Open(t.Context(), Dial{Name: "me.test", Targets: someTargets(1)}, r)
		<-r.ended
		servers.Wait()
		want := "opened | done 1 unknown/error (final) 554 5.3.0 | back 2 gone | closed after 0"
		if got := strings.Join(r.events, " | "); got != want {
			t.Errorf("heard %s, want %s", got, want)
		}
		if all, err := reg.Gather(); err != nil || len(all) != 9 {
			t.Errorf("%d metrics, %v", len(all), err)
		}
	})
}

// TestBodyErrors: what an error of Body becomes.
func TestBodyErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&mail.Error{Code: 554, Status: "5.6.0", State: mail.StateProcess, Kind: mail.Invalid}, "process/invalid (final) 554 5.6.0"},
		{&mail.Error{Code: 451, Status: "4.3.0"}, "unknown/error 451 4.3.0"},
		{&mail.Error{Code: 451, Status: "4.4.1", State: mail.StateResponsive, Kind: mail.Timeout}, "responsive/timeout 451 4.4.1"},
		{context.Canceled, "unknown/error 451 4.3.0"}, // not ours: somebody's wait was cancelled
	} {
		synctest.Test(t, func(t *testing.T) {
			j := makeJob(1, "")
			j.Body = func(context.Context) (Body, error) { return Body{}, c.err }
			r := &recorder{ended: make(chan struct{}), jobs: []*Job{j}}
			runAgainst(t, &peer{}, Dial{Name: "me.test", Targets: someTargets(1)}, r)
			if got := strings.TrimSpace(strings.TrimPrefix(r.events[1], "done 1 ")); got != c.want {
				t.Errorf("%v: %s, want %s", c.err, got, c.want)
			}
		})
	}
}

// TestOneWritePerMessage: the short way costs one write and one round trip for a message, the plain way two, as a peer without
// PIPELINING four.
func TestOneWritePerMessage(t *testing.T) {
	for mode, want := range map[string]float64{"short": 1 + 1 + 10, "grouped": 1 + 20, "stepwise": 1 + 40} { // EHLO, and the first envelope
		synctest.Test(t, func(t *testing.T) {
			p := &peer{}
			if mode != "stepwise" {
				p.caps = []string{"PIPELINING"}
			}
			r := &recorder{ended: make(chan struct{}), ahead: mode == "short"}
			for i := range 10 {
				r.jobs = append(r.jobs, makeJob(uint64(i+1), ""))
			}
			var servers sync.WaitGroup
			client := New(Options{Connect: pipes(p, &servers)})
			client.Open(t.Context(), Dial{Name: "me.test", Targets: someTargets(1)}, r)
			<-r.ended
			servers.Wait()
			if got := count(client.metrics.writes); got != want || len(r.results) != 10 {
				t.Errorf("%s: %v writes, want %v, %d results", mode, got, want, len(r.results))
			}
		})
	}
}
