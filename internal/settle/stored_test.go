package settle_test

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/localqueue"
	"posthoorn/internal/settle"
)

// dice can be thrown by many.
type dice struct {
	mu sync.Mutex
	r  *rand.Rand
}

func (d *dice) n(limit int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.IntN(limit)
}

var here = localqueue.Place{Destination: "b.test"}

func open(t *testing.T, dir string) *localqueue.Store {
	t.Helper()
	s, err := localqueue.Open(dir, localqueue.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func await(t *testing.T, v *verdict, want error) {
	t.Helper()
	select {
	case <-v.ended:
	case <-time.After(time.Minute):
		t.Fatal("not settled")
	}
	if n, err := v.read(); n != 1 || !errors.Is(err, want) {
		t.Errorf("settled %d times with %v, want once with %v", n, err, want)
	}
}

func do(t *testing.T, s *localqueue.Store, change func(*localqueue.Batch)) {
	t.Helper()
	b := new(localqueue.Batch)
	change(b)
	if err := s.Do(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func take(t *testing.T, s *localqueue.Store) localqueue.Waiting {
	t.Helper()
	got := s.TakeDue(here, time.Now(), 1, 1<<40, nil)
	if len(got) != 1 {
		t.Fatalf("%d messages due, want 1", len(got))
	}
	return got[0]
}

func settleWith(t *testing.T, s settle.Store, answer func(broker.Publishing) error, w settle.Work, want error) {
	t.Helper()
	r := settle.NewRemote(settle.Options{Store: s, Sender: &sender{diary: new(diary), answer: answer}})
	defer r.Close()
	v := newVerdict()
	w.Settled = v.settled
	r.Settle(w)
	await(t, v, want)
}

// TestLedgerKeepsOutcomes is the promise to a delivery that comes again: its outcome is found, also by the next process.
func TestLedgerKeepsOutcomes(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	ps := []settle.Publication{results, override("mine", "success")}
	settleWith(t, s, nil, settle.Work{Origin: fromBroker(), Publish: ps}, nil)
	parked := settle.Origin{Ticket: broker.Ticket{Tag: 8}, Identity: settle.Identity{2}}
	wait := &localqueue.Waiting{Place: here, Body: []byte("waits")}
	settleWith(t, s, nil, settle.Work{Origin: parked, Wait: wait, Publish: []settle.Publication{retry}}, nil)
	settleWith(t, s, nil, settle.Work{Publish: ps}, nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	for identity, want := range map[settle.Identity][]settle.Publication{one: ps, {2}: {retry}} {
		outcome, ok := s.Lookup(identity)
		if got, err := settle.Decode(outcome); !ok || err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("identity %x: %v, %v, want %v", identity[0], got, err, want)
		}
	}
	if _, ok := s.Lookup(settle.Identity{}); ok {
		t.Error("what has no identity is in the ledger")
	}
	if w := take(t, s); string(w.Body) != "waits" {
		t.Errorf("parked: %q", w.Body)
	}
}

func TestAckedOutcomesAge(t *testing.T) {
	s := open(t, t.TempDir())
	settleWith(t, s, nil, settle.Work{Origin: fromBroker(), Publish: []settle.Publication{results}}, nil)
	settleWith(t, s, nil, settle.Work{Origin: settle.Origin{Identity: settle.Identity{2}}, Publish: []settle.Publication{results}}, nil)
	r := settle.NewRemote(settle.Options{Store: s})
	defer r.Close()
	r.Acked([]settle.Identity{one, {}})
	r.Acked(nil)
	behind := func(b *localqueue.Batch) { b.SetMeta("behind", []byte("all that")) }
	do(t, s, behind)
	now := time.Now()
	for range 15 * 6 {
		now = now.Add(10 * time.Second)
		s.Age(now, nil)
	}
	do(t, s, behind)
	if _, ok := s.Lookup(one); ok {
		t.Error("an acked outcome is there after 15 minutes")
	}
	if _, ok := s.Lookup(settle.Identity{2}); !ok {
		t.Error("an outcome that was not acked is gone")
	}
}

// TestWaitingOutcomeSurvives is a process that dies, or stops, between the reply and the confirm of its result.
func TestWaitingOutcomeSurvives(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	do(t, s, func(b *localqueue.Batch) { b.Wait(localqueue.Waiting{Place: here, Body: []byte("m")}) })
	origin := settle.Origin{Waiting: take(t, s).ID}
	away := func(broker.Publishing) error { return broker.ErrClosed }
	settleWith(t, s, away, settle.Work{Origin: origin, Publish: []settle.Publication{results}}, broker.ErrClosed)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	var ps []settle.Publication
	err := s.OpenOutcomes(func(w localqueue.Waiting) (err error) {
		origin.Waiting = w.ID
		ps, err = settle.Decode(w.Outcome)
		return err
	})
	if err != nil || !reflect.DeepEqual(ps, []settle.Publication{results}) {
		t.Fatalf("outcome after the restart: %v, %v", ps, err)
	}
	settleWith(t, s, nil, settle.Work{Origin: origin, Publish: ps, Replay: true}, nil)
	if n := s.WaitingCount(); n != 0 {
		t.Errorf("%d messages wait after the replay", n)
	}
}

func TestWaitsAgain(t *testing.T) {
	s := open(t, t.TempDir())
	do(t, s, func(b *localqueue.Batch) { b.Wait(localqueue.Waiting{Place: here, Body: []byte("m")}) })
	due := time.Now().Add(time.Hour)
	settleWith(t, s, nil, settle.Work{
		Origin: settle.Origin{Waiting: take(t, s).ID}, Publish: []settle.Publication{retry},
		Wait: &localqueue.Waiting{Place: here, Due: due, Body: []byte("m2")},
	}, nil)
	if got := s.TakeDue(here, due.Add(-time.Second), 1, 1<<40, nil); len(got) != 0 {
		t.Error("handed out before its time")
	}
	if got := s.TakeDue(here, due, 1, 1<<40, nil); len(got) != 1 || string(got[0].Body) != "m2" {
		t.Errorf("at its time: %v", got)
	}
}

// input is the consumer of the embedded queue.
type input struct {
	queue   string
	closed  error
	settled []uint64
}

func (i *input) AckIn(b *localqueue.Batch, t broker.Ticket) error {
	b.Ack(i.queue, t.Tag)
	return i.closed
}
func (i *input) MoveIn(b *localqueue.Batch, t broker.Ticket, w localqueue.Waiting) error {
	b.Move(i.queue, t.Tag, w)
	return i.closed
}
func (i *input) Settled(t broker.Ticket) { i.settled = append(i.settled, t.Tag) }

func TestEmbedded(t *testing.T) {
	for name, c := range map[string]struct {
		waiting bool
		wait    *localqueue.Waiting
		publish []settle.Publication
		want    map[string]int // messages in each queue afterwards
		waits   int
	}{
		"finish":                 {publish: []settle.Publication{results, success}, want: map[string]int{"results": 1, "success": 1}},
		"finish, nothing to say": {publish: []settle.Publication{publication("")}},
		"park":                   {wait: &localqueue.Waiting{Place: here}, waits: 1},
		"retry":                  {wait: &localqueue.Waiting{Place: here, Body: []byte("m2")}, publish: []settle.Publication{retry}, want: map[string]int{"retry": 1}, waits: 1},
		"waited":                 {waiting: true, publish: []settle.Publication{results}, want: map[string]int{"results": 1}},
		"waits again":            {waiting: true, wait: &localqueue.Waiting{Place: here}, waits: 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			in := &input{queue: "outbox"}
			e := &settle.Embedded{Store: s, Input: func() settle.Input { return in }}
			defer e.Close()
			v := newVerdict()
			e.Settle(settle.Work{Origin: inHand(t, s, c.waiting), Wait: c.wait, Publish: c.publish, Settled: v.settled})
			await(t, v, nil)
			e.Acked(nil)
			for _, q := range []string{"outbox", "results", "success", "retry"} {
				ready, hand := s.Len(q)
				if ready != c.want[q] || hand != 0 {
					t.Errorf("%s has %d messages and %d in hand, want %d and 0", q, ready, hand, c.want[q])
				}
			}
			if s.WaitingCount() != c.waits {
				t.Errorf("%d messages wait, want %d", s.WaitingCount(), c.waits)
			}
			if freed := len(in.settled) == 1; freed == c.waiting {
				t.Errorf("credit given free: %v", in.settled)
			}
		})
	}
}

// inHand puts one message into the store and takes it.
func inHand(t *testing.T, s *localqueue.Store, waiting bool) settle.Origin {
	t.Helper()
	if waiting {
		do(t, s, func(b *localqueue.Batch) { b.Wait(localqueue.Waiting{Place: here, Body: []byte("m")}) })
		return settle.Origin{Waiting: take(t, s).ID}
	}
	do(t, s, func(b *localqueue.Batch) { b.Publish("outbox", localqueue.Message{Body: []byte("m")}) })
	taken := s.Take("outbox", 1, nil)
	if len(taken) != 1 {
		t.Fatal("nothing to take")
	}
	return settle.Origin{Ticket: broker.Ticket{Epoch: 1, Tag: taken[0].Seq}}
}

// TestEmbeddedFails: nothing of a commit that failed is there, and the credit stays taken until the caller gives the ticket back.
func TestEmbeddedFails(t *testing.T) {
	s := open(t, t.TempDir())
	in := &input{queue: "outbox"}
	e := &settle.Embedded{Store: s, Input: func() settle.Input { return in }}
	v := newVerdict()
	e.Settle(settle.Work{Origin: settle.Origin{Ticket: broker.Ticket{Tag: 99}}, Publish: []settle.Publication{results}, Settled: v.settled})
	await(t, v, localqueue.ErrNotInHand)
	in.closed = broker.ErrClosed
	for _, wait := range []*localqueue.Waiting{nil, {Place: here}} {
		v = newVerdict()
		e.Settle(settle.Work{Origin: inHand(t, s, false), Wait: wait, Publish: []settle.Publication{results}, Settled: v.settled})
		await(t, v, broker.ErrClosed)
	}
	if ready, _ := s.Len("results"); ready != 0 || len(in.settled) != 0 || s.WaitingCount() != 0 {
		t.Errorf("%d results, credit %v, %d wait", ready, slices.Clone(in.settled), s.WaitingCount())
	}
}
