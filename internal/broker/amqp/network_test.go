package amqp_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/broker/amqp"
	"posthoorn/internal/testbed"
)

// safeBuffer is a log that may be read while it is written.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// Bad logins are tried on, and the password is nowhere to be read.
func TestNoPasswordInLogs(t *testing.T) {
	var log safeBuffer
	r := rabbit.Get(t)
	b := open(t, amqp.Options{Address: strings.Replace(r.URL(), "guest:guest", "guest:s3cr3t", 1), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := broker.Publish(ctx, b, broker.Publishing{Queue: name(t), Body: []byte("x")})
	eventually(t, func() bool { return strings.Contains(log.String(), "username or password") })
	eventually(t, func() bool { reason, _ := b.Blocked(); return strings.Contains(reason, "username or password") })
	reason, is := b.Blocked()
	if all := fmt.Sprint(err, b.Declare(ctx, "q"), reason, log.String()); strings.Contains(all, "s3cr3t") || !is {
		t.Errorf("blocked %v, and the password is told: %s", is, all)
	}
}

// Several nodes: the first that works, and the next when it goes.
func TestNodes(t *testing.T) {
	r := rabbit.Get(t)
	dead, first, second := testbed.StartProxy(t, r.Addr()), testbed.StartProxy(t, r.Addr()), testbed.StartProxy(t, r.Addr())
	dead.Refuse(true)
	b := open(t, amqp.Options{Address: "amqp://guest:guest@" + dead.Addr() + ";" + first.Addr() + ";" + second.Addr() + "/"})
	q := name(t)
	must(t, publish(t, b, broker.Publishing{Queue: q, Body: []byte("x")}))
	if second.Accepted() > 0 {
		t.Error("the third node was used although the second works")
	}
	first.Refuse(true)
	first.Cut()
	must(t, publish(t, b, broker.Publishing{Queue: q, Body: []byte("x")}))
	if second.Accepted() == 0 {
		t.Error("who took that message?")
	}
}

// F5: a network that goes silent is noticed within two heartbeats, and used again when it is back.
func TestSilence(t *testing.T) {
	r := rabbit.Get(t)
	p := testbed.StartProxy(t, r.Addr())
	b := open(t, amqp.Options{Address: r.URLVia(p.Addr())})
	q := name(t)
	in := make(deliveries, 10)
	c, err := b.Consume(q, 1, 5, in)
	must(t, err)
	must(t, publish(t, b, broker.Publishing{Queue: q, Body: []byte("x")}))
	old := in.next(t)
	p.Blackhole(true)
	begin := time.Now()
	result := make(chan error, 1)
	b.Send(context.Background(), []broker.Publishing{{Queue: q, Body: []byte("y")}}, func(err error) { result <- err })
	eventually(t, func() bool { _, is := b.Blocked(); return is })
	if took := time.Since(begin); took > 35*time.Second { // two heartbeats, on a machine that is busy with other things too
		t.Errorf("noticed after %v", took)
	}
	p.Blackhole(false)
	p.Cut()
	must(t, <-result)
	seen := map[string]bool{}
	for len(seen) < 2 {
		d := in.next(t)
		seen[string(d.Body)] = true
		if d.Ticket == old.Ticket {
			t.Error("a ticket came twice")
		}
		c.Ack(old.Ticket)
		c.Ack(d.Ticket)
	}
}

// Who consumes knows whether anything can come, whatever those who publish have.
func TestConnected(t *testing.T) {
	r := rabbit.Get(t)
	p := testbed.StartProxy(t, r.Addr())
	b := open(t, amqp.Options{Address: r.URLVia(p.Addr())})
	q := name(t)
	must(t, publish(t, b, broker.Publishing{Queue: q, Body: []byte("x")}))
	p.Refuse(true)
	in := make(deliveries, 10)
	c, err := b.Consume(q, 2, 5, in)
	must(t, err)
	if _, is := b.Blocked(); c.Connected() || is {
		t.Errorf("connected: %v, blocked: %v", c.Connected(), is)
	}
	p.Refuse(false)
	in.next(t)
	if !c.Connected() {
		t.Error("not connected, but there was a delivery")
	}
	p.Refuse(true)
	p.Cut()
	eventually(t, func() bool { return !c.Connected() })
}

// F6: connections that break in the middle of frames, at every place: all is published in the end.
func TestCutInFrames(t *testing.T) {
	r := rabbit.Get(t)
	p := testbed.StartProxy(t, r.Addr())
	b := open(t, amqp.Options{Address: r.URLVia(p.Addr())})
	q := name(t)
	must(t, b.Declare(patience(t), q))
	for _, after := range []int64{700, 1_500, 60_000} {
		p.CutAfter(after)
		p.Cut()
		var left sync.WaitGroup
		for i := range 30 {
			left.Add(1)
			b.Send(context.Background(), []broker.Publishing{{Queue: q, Body: make([]byte, 5000), ID: fmt.Sprint(after, "-", i)}}, func(err error) {
				if err != nil {
					t.Errorf("cut after %d: %v", after, err)
				}
				left.Done()
			})
		}
		before := p.Accepted()
		eventually(t, func() bool { return p.Accepted() > before })
		p.CutAfter(0)
		left.Wait()
	}
	ids := map[string]int{}
	must(t, b.Read(patience(t), q, false, false, func(d broker.Delivery) error { ids[string(d.Body[:1])]++; return nil }))
	if ids["\x00"] < 3*30 {
		t.Errorf("%d messages of %d", ids["\x00"], 3*30)
	}
}
