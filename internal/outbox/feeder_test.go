package outbox

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"posthoorn/internal/localqueue"
	"posthoorn/internal/settle"
)

// overdue is a local queue with no end of mail whose deadline has passed, ten at a time.
type overdue struct {
	Waiting
	body  []byte
	takes int
	slow  time.Duration
}

func (o *overdue) Expired(_ time.Time, n int, _ int64, dst []localqueue.Waiting) []localqueue.Waiting {
	o.takes++
	time.Sleep(o.slow)
	for range min(n, 10) {
		dst = append(dst, localqueue.Waiting{ID: 1, Body: o.body})
	}
	return dst
}

// settler ends works at once, or never.
type settler struct{ never bool }

func (s settler) Settle(w settle.Work) {
	if !s.never {
		w.Settled(nil)
	}
}
func (settler) Acked([]settle.Identity) {}
func (settler) Close()                  {}

// Mail whose deadline has passed is not read without bounds: neither in bytes, nor in number, nor in time, since nothing else is fed
// meanwhile.
func TestExpireIsBounded(t *testing.T) {
	for name, c := range map[string]struct {
		budget int64
		credit int
		slow   time.Duration
		never  bool
		takes  int
	}{
		"bytes":  {budget: 2500 << 10, credit: 1000, never: true, takes: 3},
		"number": {budget: 1 << 30, credit: 35, never: true, takes: 5}, // 10, 10, 10, 5 and none
		"time":   {budget: 1 << 30, credit: 1000, slow: 300 * time.Millisecond, takes: 4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				body := fmt.Appendf(nil, `{"recipient":"a@receiver.test","mime":%q}`, strings.Repeat("x", 100<<10))
				o := &overdue{body: body, slow: c.slow}
				e := New(Options{Waiting: o, Settler: settler{c.never}, ByteBudget: c.budget, Credit: c.credit})
				e.feeder.expire(t.Context(), time.Now())
				if o.takes > c.takes+1 || o.takes < c.takes {
					t.Errorf("%d takes", o.takes)
				}
				if held := e.inHand.Load(); held > int64(c.takes)*10 || held != int64(e.feeder.taken) {
					t.Errorf("%d in hand, credit taken for %d", held, e.feeder.taken)
				}
			})
		})
	}
}

// Mail that may leave from the same addresses and waits in several places goes in the order of its time.
func TestPlacesOfOnePoolShare(t *testing.T) {
	const many, few = 300, 10
	peer := newReceiver(t, nil)
	r, s := ruled(t, peer, func(o *Options) { o.Total = oneConnection })
	s.set(t, "paused", "id=1")
	r.stock(many, `,"ips":["127.0.0.1"]`)
	r.stock(few, `,"envelope":"few@sender.test"`)
	r.stock(many, `,"ips":["127.0.0.1"]`)
	if n := len(r.store.PlacesOf("receiver.test")); n != 2 {
		t.Fatalf("%d places", n)
	}
	s.set(t, "paused")
	r.read("success", 2*many+few)
	isFew := func(m received) bool { return strings.Contains(m.from, "few@") }
	sent := peer.all()
	first := slices.IndexFunc(sent, isFew)
	slices.Reverse(sent)
	last := len(sent) - 1 - slices.IndexFunc(sent, isFew)
	if first < many-2*feedBatch || last > many+few+2*feedBatch {
		t.Errorf("the few went out as number %d to %d", first, last)
	}
}
