package deliver

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var update = flag.Bool("update", false, "write testdata/states.golden anew; read it then")

// TestStates plays every misbehaviour in every state, with the message alone, as second of a connection, and as one whose
// envelope went with the end of the first, and compares what is heard with the written table (F16 to F19).
func TestStates(t *testing.T) {
	var b strings.Builder
	for _, mode := range []string{"stepwise", "grouped", "short"} {
		for _, command := range []string{"greeting", "EHLO", "HELO", "MAIL", "RCPT", "DATA", "dot", "QUIT"} {
			for n := 1; n <= 2 && (n == 1 || commandRepeats(command)); n++ {
				for _, what := range []string{"hang", "drop", "25!", "what?", "450 4.7.1 later", "550 5.7.1 never", "421 4.3.2 bye", "354 go", "endless"} {
					synctest.Test(t, func(t *testing.T) {
						fmt.Fprintf(&b, "%-8s %-8s %d %-15s | %s\n", mode, command, n, what, misbehave(t, mode, command, n, what))
					})
				}
			}
		}
	}
	if *update {
		if err := os.WriteFile("testdata/states.golden", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/states.golden")
	if err != nil {
		t.Fatal(err)
	}
	compareLines(t, b.String(), string(want))
}

func compareLines(t *testing.T, got, want string) {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	if len(g) != len(w) {
		t.Errorf("%d lines, want %d", len(g), len(w))
	}
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Errorf("got  %s\nwant %s", g[i], w[i])
		}
	}
}

func commandRepeats(command string) bool {
	return command == "MAIL" || command == "RCPT" || command == "DATA" || command == "dot"
}

// misbehave sends three messages to a peer that does what is asked once, and returns what was heard.
func misbehave(t *testing.T, mode, command string, n int, what string) string {
	p := &peer{act: func(c string, i int) string {
		switch {
		case c == command && i == n:
			return what
		case command == "HELO" && c == "EHLO":
			return "500 what?"
		}
		return ""
	}}
	if mode != "stepwise" {
		p.caps = []string{"PIPELINING"}
	}
	r := &recorder{ended: make(chan struct{}), ahead: mode == "short"}
	for i := range 3 {
		r.jobs = append(r.jobs, makeJob(uint64(i+1), ""))
	}
	start := time.Now()
	runAgainst(t, p, Dial{Name: "me.test", Targets: someTargets(1)}, r)
	if what == "hang" {
		r.note("all within %v", time.Since(start).Round(time.Second))
	}
	return strings.Join(r.events, " | ")
}

func someTargets(n int) (all []Target) {
	for i := range n {
		all = append(all, Target{Host: "mx.test", Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}), 25)})
	}
	return all
}

// pipes connects a client to p without sockets.
func pipes(p *peer, servers *sync.WaitGroup) func(context.Context, netip.Addr, netip.AddrPort) (net.Conn, error) {
	return func(context.Context, netip.Addr, netip.AddrPort) (net.Conn, error) {
		ours, theirs := net.Pipe()
		servers.Go(func() { p.serve(theirs) })
		return ours, nil
	}
}

// runAgainst opens one connection to p and waits for its end.
func runAgainst(t *testing.T, p *peer, d Dial, r *recorder) {
	var servers sync.WaitGroup
	client := New(Options{Connect: pipes(p, &servers)})
	client.Open(t.Context(), d, r)
	<-r.ended
	servers.Wait()
}
