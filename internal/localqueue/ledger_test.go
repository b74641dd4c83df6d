package localqueue

import (
	"context"
	"testing"
	"time"
)

// aged lets n minutes of consuming pass, a second at a time.
func aged(s *Store, clock *time.Time, n int) {
	for range n * 60 {
		*clock = clock.Add(time.Second)
		s.Age(*clock, nil)
		settled(s)
	}
}

// settled waits until the committer has done what a Lookup or an Age left to it.
func settled(s *Store) { _ = s.Do(context.Background(), new(Batch)) }

func knows(t *testing.T, s *Store, identity byte, want string) {
	t.Helper()
	got, ok := s.Lookup([16]byte{identity})
	if string(got) != want || ok != (want != "") {
		t.Fatalf("identity %d: %q, %v, want %q", identity, got, ok, want)
	}
	settled(s)
}

func started(s *Store) *time.Time {
	clock := noon
	s.Age(clock, nil)
	return &clock
}

func TestLedgerAges(t *testing.T) {
	s, fs := openMem(t)
	clock := started(s)
	commit(t, s, func(b *Batch) {
		for i := range byte(4) {
			b.Note([16]byte{i}, []byte{'0' + i})
		}
		b.Acked([16]byte{0})
		b.Acked([16]byte{9})
		b.Forget([16]byte{3})
	})
	knows(t, s, 0, "0")
	knows(t, s, 3, "")
	knows(t, s, 9, "")
	aged(s, clock, 10)
	for range 2 { // who comes again starts anew
		knows(t, s, 0, "0")
		commit(t, s, func(b *Batch) { b.Acked([16]byte{0}) })
		aged(s, clock, 10)
	}
	aged(s, clock, 1)
	knows(t, s, 0, "")
	knows(t, s, 1, "1") // never acked
	commit(t, s, func(b *Batch) { b.Acked([16]byte{1}) })
	aged(s, clock, 9)
	commit(t, s, func(b *Batch) { b.SetMeta("x", nil) }) // an ack is synced with what comes later
	s, _ = powerCut(t, fs)
	clock = started(s)
	knows(t, s, 2, "2")
	aged(s, clock, 12)
	knows(t, s, 1, "")
	knows(t, s, 2, "2")
}

func TestLedgerTenMinutesCountFromTheAck(t *testing.T) {
	s, _ := openMem(t)
	clock := started(s)
	commit(t, s, func(b *Batch) { b.Note([16]byte{1}, []byte("x")) })
	aged(s, clock, 8)
	commit(t, s, func(b *Batch) { b.Acked([16]byte{1}) })
	aged(s, clock, 10)
	if got, _, err := s.lookup([16]byte{1}); string(got) != "x" || err != nil {
		t.Fatalf("gone early: %q, %v", got, err)
	}
	aged(s, clock, 1)
	knows(t, s, 1, "")
}

func TestLedgerDoesNotAgeWhileNothingIsConsumed(t *testing.T) {
	s, _ := openMem(t)
	clock := started(s)
	commit(t, s, func(b *Batch) { b.Note([16]byte{1}, []byte("x")); b.Acked([16]byte{1}) })
	for range 20 {
		*clock = clock.Add(time.Hour)
		s.Age(*clock, nil)
	}
	*clock = clock.Add(-time.Hour)
	s.Age(*clock, nil)
	s.mu.Lock()
	bucket := s.ledger.bucket
	s.mu.Unlock()
	if bucket > 1+20*10/60+1 {
		t.Errorf("an hour without a call aged it: bucket %d", bucket)
	}
	knows(t, s, 1, "x")
}

func TestLedgerNotesTheLatest(t *testing.T) {
	s, _ := openMem(t)
	clock := started(s)
	commit(t, s, func(b *Batch) { b.Note([16]byte{1}, []byte("first")) })
	commit(t, s, func(b *Batch) { b.Note([16]byte{1}, []byte("second")) })
	aged(s, clock, 2)
	commit(t, s, func(b *Batch) { b.Note([16]byte{1}, []byte("third")) })
	knows(t, s, 1, "third")
	commit(t, s, func(b *Batch) { b.Forget([16]byte{1}) })
	knows(t, s, 1, "")
}

func TestLedgerAckInALaterBucketAndTheSameCommit(t *testing.T) {
	s, _ := openMem(t)
	clock := started(s)
	commit(t, s, func(b *Batch) { b.Note([16]byte{1}, []byte("x")) })
	aged(s, clock, 3)
	commit(t, s, func(b *Batch) { b.Note([16]byte{1}, []byte("y")); b.Acked([16]byte{1}); b.Acked([16]byte{1}) })
	s.mu.Lock()
	open := len(s.ledger.unacked)
	s.mu.Unlock()
	if open != 0 {
		t.Error("still open")
	}
	knows(t, s, 1, "y")
}

// A clean end is no reason to forget: the broker may not have brought again yet what was in hand at an unclean one before, and a
// broker that dies forgets acks.
func TestLedgerOutlivesACleanEnd(t *testing.T) {
	s, fs := openMem(t)
	clock := started(s)
	commit(t, s, func(b *Batch) {
		b.Note([16]byte{1}, []byte("open"))
		b.Note([16]byte{2}, []byte("acked"))
		b.Acked([16]byte{2})
	})
	aged(s, clock, 8)
	if err := s.NoneInHand(context.Background()); err != nil {
		t.Fatal(err)
	}
	s, _ = powerCut(t, fs)
	clock = started(s)
	if n := len(s.ledger.unacked); n != 0 {
		t.Errorf("%d are open", n)
	}
	aged(s, clock, 10)
	knows(t, s, 1, "open") // came again, and is in hand now
	aged(s, clock, 30)
	knows(t, s, 1, "open")
	knows(t, s, 2, "")
	commit(t, s, func(b *Batch) { b.Acked([16]byte{1}) })
	aged(s, clock, 11)
	knows(t, s, 1, "")
}

// On a queue with other readers nobody will ever ack here what went to one of them. It is known for a day of consuming, in which it may
// come back, and then it is gone. What is in hand stays however long that takes.
func TestLedgerForgetsWhatOthersHave(t *testing.T) {
	s, fs := openMem(t)
	mine := func(identity [16]byte) bool { return identity[0] < 3 }
	clock := started(s)
	minutes := func(n int) {
		for range n * 6 {
			*clock = clock.Add(longestStep)
			s.Age(*clock, mine)
			settled(s)
		}
	}
	there := func(identity byte, want string) {
		t.Helper()
		if got, _, err := s.lookup([16]byte{identity}); string(got) != want || err != nil {
			t.Fatalf("identity %d: %q, %v, want %q", identity, got, err, want)
		}
	}
	commit(t, s, func(b *Batch) {
		for i, text := range []string{"", "mine", "", "elsewhere", "comes back"} {
			b.Note([16]byte{byte(i)}, []byte(text))
		}
	})
	minutes(keepBuckets)
	if n := len(s.ledger.unacked); n != 5 {
		t.Errorf("%d open", n)
	}
	minutes(2)
	if n := len(s.ledger.unacked); n != 3 {
		t.Errorf("%d open", n)
	}
	commit(t, s, func(b *Batch) { b.SetMeta("x", nil) })
	s, _ = powerCut(t, fs)
	started(s)
	minutes(dayBuckets - 20)
	there(1, "mine")
	there(3, "elsewhere")
	knows(t, s, 4, "comes back")
	commit(t, s, func(b *Batch) { b.Acked([16]byte{4}) })
	minutes(keepBuckets + 2)
	there(4, "")
	minutes(dayBuckets)
	there(1, "mine")
	there(3, "")
	commit(t, s, func(b *Batch) { b.Acked([16]byte{1}) })
	minutes(keepBuckets + 2)
	there(1, "")
}
