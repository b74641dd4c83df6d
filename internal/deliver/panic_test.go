package deliver

import (
	"bytes"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// brittle is a connection that makes the program fail at its nth call of Read or Write.
type brittle struct {
	net.Conn
	left   int
	closed *bool
}

func (b *brittle) Read(p []byte) (int, error) {
	b.step()
	return b.Conn.Read(p)
}

func (b *brittle) Write(p []byte) (int, error) {
	b.step()
	return b.Conn.Write(p)
}

func (b *brittle) step() {
	if b.left--; b.left < 0 {
		panic("poison")
	}
}

func (b *brittle) Close() error {
	*b.closed = true
	return b.Conn.Close()
}

// opening goes to two targets; the way to the first, or to both, breaks after some steps (below 0: in dialing itself).
func opening(t *testing.T, p *peer, steps int, both bool) (r *recorder, log string, closed bool) {
	var buf bytes.Buffer
	dialed, dial := 0, sockets(t, p.serve)
	client := New(Options{
		Log: slog.New(slog.NewTextHandler(&buf, nil)),
		Connect: func(ctx context.Context, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
			dialed++
			switch {
			case dialed > 1 && !both:
				return dial(ctx, from, to)
			case steps < 0:
				panic("poison")
			}
			nc, err := dial(ctx, from, to)
			return &brittle{nc, steps, &closed}, err
		},
	})
	r = &recorder{ended: make(chan struct{}), jobs: []*Job{makeJob(1, "")}}
	client.Open(t.Context(), Dial{Name: "me.test", Targets: someTargets(2), TLS: TLS{Level: TLSMay}}, r)
	<-r.ended
	return r, buf.String(), closed || steps < 0
}

// A panic while a connection is opened, be it within TLS, fails the target, whose socket is closed, and the next one is tried.
func TestPanicWhileOpening(t *testing.T) {
	const report = "failed unknown/error 451 4.3.0"
	ca := newAuthority(t)
	for steps := -1; steps < 8; steps++ { // dialing, greeting, EHLO and STARTTLS with their replies, handshake
		p := &peer{tls: &tls.Config{Certificates: []tls.Certificate{ca.server(t, "mx.test", ca, time.Hour)}}}
		r, log, closed := opening(t, p, steps, false)
		if len(r.results) != 1 || r.results[0].Code != 250 || r.results[0].Cipher == nil || !closed {
			t.Errorf("step %d: %q, closed: %v", steps, r.events, closed)
		}
		if !strings.Contains(log, "panic: poison") || !strings.Contains(log, "panic_test.go") {
			t.Errorf("step %d: the log says %q", steps, log)
		}
		r, _, closed = opening(t, p, steps, true)
		if !slices.Equal(r.events, []string{report, report}) || !closed {
			t.Errorf("step %d: %q, closed: %v", steps, r.events, closed)
		}
	}
}
