package amqp

import (
	"errors"
	"math/rand/v2"
	"testing"

	"posthoorn/internal/broker"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

func TestWindow(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var w window
	open := map[uint64]*entry{}
	for i := range 20_000 {
		if r.IntN(100) < 52 || len(open) == 0 {
			e := &entry{priority: uint8(i)}
			open[w.next] = e
			w.add(e)
		} else {
			for at := range open {
				w.drop(at)
				delete(open, at)
				break
			}
		}
		if w.open != len(open) || (w.head() == nil) != (len(open) == 0) {
			t.Fatalf("%d open, head %v, want %d", w.open, w.head(), len(open))
		}
	}
	for at, e := range open {
		if *w.at(at) != e {
			t.Fatalf("slot %d was overwritten", at)
		}
	}
	if all := w.clear(); len(all) != len(open) || w.head() != nil {
		t.Errorf("clear gave %d of %d", len(all), len(open))
	}
}

func TestTooBigBlame(t *testing.T) {
	b := &Broker{cluster: &cluster{}}
	for reason, want := range map[string]int64{
		"PRECONDITION_FAILED - message size 50 is larger than configured max size 40": 40,
		"PRECONDITION_FAILED - message is larger than somebody likes":                 49,
		"PRECONDITION_FAILED - message size 50 is larger than configured max size 60": 49,
	} {
		p := newPublisher(b, 1)
		small, large := entry{s: &sending{left: 1}, body: make([]byte, 30)}, entry{s: &sending{left: 1}, body: make([]byte, 50)}
		p.blameSize([]*entry{&small, &large}, reason)
		if b.cluster.limit.Load() != want || small.s.over || !errors.Is(large.s.err, broker.ErrTooBig) {
			t.Errorf("%s: limit %d, small %v, large %v", reason, b.cluster.limit.Load(), small.s.err, large.s.err)
		}
	}
}

// What comes back is told from its equals by name, id and body; the oldest of those is meant.
func TestMatchReturn(t *testing.T) {
	b := &Broker{cluster: &cluster{}, names: directory{names: map[string]*name{}}}
	b.metrics = newMetrics(nil, nil, nil)
	p := newPublisher(b, 1)
	entries := []*entry{
		{queue: "a", id: "1", body: []byte("x")}, {queue: "b", id: "1", body: []byte("x")}, {queue: "a", id: "2", body: []byte("x")},
		{queue: "a", id: "1", body: []byte("y")}, {queue: "a", id: "1", body: []byte("x")},
	}
	for _, e := range entries {
		p.window.add(e)
	}
	returned := func() (r string) {
		for _, e := range entries {
			if r += "-"; e.returned {
				r = r[:len(r)-1] + "r"
			}
		}
		return r
	}
	for _, c := range []struct{ queue, id, body, want string }{
		{"a", "1", "y", "---r-"}, {"a", "1", "x", "r--r-"}, {"a", "1", "x", "r--rr"}, {"a", "1", "x", "r--rr"}, {"b", "2", "x", "r--rr"},
	} {
		p.bounce(&amqp091.Return{RoutingKey: c.queue, MessageId: c.id, Body: []byte(c.body)})
		if got := returned(); got != c.want {
			t.Fatalf("after the return of %v: %s, want %s", c, got, c.want)
		}
	}
}
