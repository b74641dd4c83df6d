package localqueue

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

var (
	alpha = Place{Destination: "alpha.example", Sources: "10.0.0.1 10.0.0.2"}
	beta  = Place{Destination: "beta.example", Sources: "10.0.0.1"}
)

func TestNothingIsTakenEarly(t *testing.T) {
	s, fs := openMem(t)
	wait(t, s, alpha, after(time.Minute), "a")
	s = reopen(t, s, fs)
	expect(t, "a nanosecond before", due(s, alpha, after(time.Minute-1), 9))
	expect(t, "another place", due(s, beta, after(time.Hour), 9))
	expect(t, "at its time", due(s, alpha, after(time.Minute), 9), "a")
	expect(t, "twice", due(s, alpha, after(time.Hour), 9))
}

func TestWaitingOrder(t *testing.T) {
	s, _ := openMem(t)
	commit(t, s, func(b *Batch) {
		for _, m := range []struct {
			body     string
			priority uint8
			minute   int
		}{{"late", 0, 9}, {"b", 0, 2}, {"a", 0, 1}, {"a2", 0, 1}, {"high", 5, 3}, {"high late", 5, 8}} {
			b.Wait(Waiting{Place: alpha, Due: after(time.Duration(m.minute) * time.Minute), Priority: m.priority, Body: []byte(m.body)})
		}
	})
	expect(t, "two", due(s, alpha, after(5*time.Minute), 2), "high", "a")
	expect(t, "rest", due(s, alpha, after(5*time.Minute), 9), "a2", "b")
	expect(t, "more", due(s, alpha, after(10*time.Minute), 9), "high late", "late")
}

func TestWaitingIsKeptWhole(t *testing.T) {
	s, fs := openMem(t)
	hold := Place{Destination: "ä.example\x00", Sources: "", Hold: "tag"}
	commit(t, s, func(b *Batch) {
		b.Wait(Waiting{Place: hold, Due: after(3), Deadline: after(5), Priority: 7, Body: []byte("x"), Outcome: []byte("o")})
		b.Wait(Waiting{Place: hold})
	})
	s = reopen(t, s, fs)
	got := s.TakeDue(hold, after(3), 9, 1<<40, nil)
	if len(got) != 2 {
		t.Fatalf("%d came", len(got))
	}
	w := got[0]
	if w.Place != hold || !w.Due.Equal(after(3)) || !w.Deadline.Equal(after(5)) || w.Priority != 7 || string(w.Body) != "x" || string(w.Outcome) != "o" {
		t.Errorf("changed: %+v", w)
	}
	if w := got[1]; !w.Due.IsZero() || !w.Deadline.IsZero() || len(w.Body) != 0 || w.Outcome != nil {
		t.Errorf("empty one changed: %+v", w)
	}
}

func TestPutBelowTheCursorIsFound(t *testing.T) {
	s, fs := openMem(t)
	wait(t, s, alpha, after(10), "a", "b")
	expect(t, "first", due(s, alpha, after(20), 1), "a")
	wait(t, s, alpha, after(5), "earlier")
	expect(t, "earlier", due(s, alpha, after(20), 1), "earlier")
	expect(t, "then", due(s, alpha, after(20), 9), "b")

	// The mark on disk: it is past a and b when they are removed, and must come back.
	wait(t, s, beta, after(10), "a", "b", "c")
	got := s.TakeDue(beta, after(10), 2, 1<<40, nil)
	commit(t, s, func(b *Batch) { b.Remove(got[0].ID); b.Remove(got[1].ID) })
	wait(t, s, beta, after(1), "before the mark")
	s = reopen(t, s, fs)
	expect(t, "after a restart", due(s, beta, after(20), 9), "before the mark", "c")
}

func TestMarkDoesNotPassWhatIsInHand(t *testing.T) {
	s, fs := openMem(t)
	wait(t, s, alpha, noon, "a", "b", "c")
	got := s.TakeDue(alpha, noon, 3, 1<<40, nil)
	commit(t, s, func(b *Batch) { b.Remove(got[1].ID); b.Remove(got[2].ID) })
	s, _ = powerCut(t, fs)
	expect(t, "after a power cut", due(s, alpha, noon, 9), "a")
}

func TestBackWaiting(t *testing.T) {
	s, _ := openMem(t)
	wait(t, s, alpha, noon, "a", "b")
	got := s.TakeDue(alpha, noon, 2, 1<<40, nil)
	s.BackWaiting(got[0].ID)
	s.BackWaiting(got[0].ID)
	s.Back("", got[1].ID)
	expect(t, "again", due(s, alpha, noon, 9), "a")
	if i := s.PlacesOf("alpha.example"); len(i) != 1 || i[0].Count != 2 || i[0].InHand != 2 {
		t.Errorf("got %+v", i)
	}
}

func TestRescheduleAndMoveKeepTheBody(t *testing.T) {
	s, fs := openMem(t)
	publish(t, s, "q", "body")
	m := s.Take("q", 1, nil)[0]
	written := s.db.Metrics().WAL.BytesIn
	commit(t, s, func(b *Batch) { b.Move("q", m.Seq, Waiting{Place: alpha, Due: after(1), Deadline: after(100)}) })
	if ready, inHand := s.Len("q"); ready != 0 || inHand != 0 {
		t.Errorf("left behind: %d, %d", ready, inHand)
	}
	w := s.TakeDue(alpha, after(1), 1, 1<<40, nil)[0]
	if string(w.Body) != "body" || w.ID != m.Seq || !w.Deadline.Equal(after(100)) {
		t.Fatalf("got %+v", w)
	}
	commit(t, s, func(b *Batch) { b.Reschedule(w.ID, Waiting{Place: beta, Due: after(2)}) })
	if grown := s.db.Metrics().WAL.BytesIn - written; grown > 1000 {
		t.Errorf("%d bytes written for two index changes", grown)
	}
	if s.Count(alpha) != 0 || s.Count(beta) != 1 || s.WaitingCount() != 1 {
		t.Errorf("counts: %d, %d, %d", s.Count(alpha), s.Count(beta), s.WaitingCount())
	}
	if got := s.Expired(after(1000), 9, 1<<40, nil); len(got) != 0 {
		t.Errorf("the old deadline is there: %+v", got)
	}
	w = s.TakeDue(beta, after(2), 1, 1<<40, nil)[0]
	commit(t, s, func(b *Batch) { b.Reschedule(w.ID, Waiting{Place: beta, Due: after(2), Body: []byte("new")}) })
	s = reopen(t, s, fs)
	w = s.TakeDue(beta, after(2), 1, 1<<40, nil)[0]
	if string(w.Body) != "new" {
		t.Fatalf("got %+v", w)
	}
	commit(t, s, func(b *Batch) { b.Release(w.ID, "q", Message{ID: "again", Published: noon}) })
	s, _ = powerCut(t, fs)
	got := s.Take("q", 9, nil)
	if len(got) != 1 || string(got[0].Body) != "new" || got[0].ID != "again" || got[0].Seq != m.Seq || s.WaitingCount() != 0 {
		t.Fatalf("got %+v", got)
	}
}

func TestReleaseGoesToTheEnd(t *testing.T) {
	s, _ := openMem(t)
	wait(t, s, alpha, noon, "released")
	publish(t, s, "q", "a")
	w := s.TakeDue(alpha, noon, 1, 1<<40, nil)[0]
	commit(t, s, func(b *Batch) { b.Release(w.ID, "q", Message{}) })
	publish(t, s, "q", "b")
	expect(t, "order", bodies(s, "q", 9), "a", "released", "b")
}

func TestExpiredByTheDeadlineIndex(t *testing.T) {
	s, fs := openMem(t)
	commit(t, s, func(b *Batch) {
		for i, p := range []Place{alpha, beta, alpha, beta} {
			b.Wait(Waiting{Place: p, Due: after(time.Hour), Deadline: after(time.Duration(i) * time.Minute), Body: fmt.Append(nil, i)})
		}
		b.Wait(Waiting{Place: alpha, Due: after(time.Hour), Body: []byte("for ever")})
	})
	expired := func(now time.Time, n int) (list []string) {
		for _, w := range s.Expired(now, n, 1<<40, nil) {
			list = append(list, string(w.Body))
		}
		return list
	}
	expect(t, "none", expired(after(-1), 9))
	expect(t, "first", expired(after(2*time.Minute), 1), "0")
	expect(t, "up to now", expired(after(2*time.Minute), 9), "1", "2")
	expect(t, "again", expired(after(2*time.Minute), 9))
	commit(t, s, func(b *Batch) { b.Wait(Waiting{Place: beta, Deadline: after(-time.Hour), Body: []byte("past")}) })
	expect(t, "below the mark", expired(after(2*time.Minute), 9), "past")
	for _, id := range []uint64{1, 2, 3, 6} {
		commit(t, s, func(b *Batch) { b.Remove(id) })
	}
	s = reopen(t, s, fs)
	expect(t, "after a restart", expired(after(time.Hour), 9), "3")
	expect(t, "the other way too", due(s, beta, after(time.Hour), 9))
	expect(t, "no deadline", due(s, alpha, after(time.Hour), 9), "for ever")
}

func TestDeadlineMarkOnDiskComesBack(t *testing.T) {
	s, fs := openMem(t)
	s.Expired(after(time.Hour), 9, 1<<40, nil)
	wait(t, s, alpha, noon, "x") // carries the mark to disk
	if s.dead.written == 0 {
		t.Fatal("the mark was not written")
	}
	commit(t, s, func(b *Batch) { b.Wait(Waiting{Place: alpha, Deadline: after(time.Minute), Body: []byte("early")}) })
	s = reopen(t, s, fs)
	if got := s.Expired(after(time.Hour), 9, 1<<40, nil); len(got) != 1 || string(got[0].Body) != "early" {
		t.Fatalf("got %+v", got)
	}
}

func TestDueAndNextDue(t *testing.T) {
	s, fs := openMem(t)
	places := func(now time.Time) map[string]bool {
		list := map[string]bool{}
		s.Due(now, func(i PlaceInfo) bool { list[i.Place.Destination] = true; return true })
		return list
	}
	next := func(now, want time.Time) {
		t.Helper()
		got, ok := s.NextDue(now)
		if ok == want.IsZero() || !got.Equal(want) {
			t.Fatalf("next due: %v, %v, want %v", got, ok, want)
		}
	}
	next(noon, time.Time{})
	wait(t, s, alpha, after(10), "a")
	one(t, s.Changed())
	next(noon, after(10))
	wait(t, s, alpha, after(20), "a")
	wait(t, s, beta, after(30), "b")
	none(t, s.Changed())
	wait(t, s, beta, after(9), "b")
	one(t, s.Changed())
	s = reopen(t, s, fs)
	next(noon, after(9))
	if got := places(after(9)); len(got) != 1 || !got["beta.example"] {
		t.Errorf("due: %v", got)
	}
	next(after(9), after(10))
	if got := places(after(10)); len(got) != 2 {
		t.Errorf("due: %v", got)
	}
	next(after(10), time.Time{})
	if got := places(after(9)); len(got) != 1 {
		t.Errorf("a clock set back: %v", got)
	}
	next(after(9), after(10))
	expect(t, "b", due(s, beta, after(10), 9), "b")
	if got := places(after(10)); len(got) != 1 || !got["alpha.example"] {
		t.Errorf("due: %v", got)
	}
	next(after(10), after(30))
	w := s.TakeDue(alpha, after(10), 1, 1<<40, nil)[0]
	next(after(10), after(20))
	s.BackWaiting(w.ID)
	one(t, s.Changed())
	if got := places(after(10)); len(got) != 1 {
		t.Errorf("due: %v", got)
	}
}

func TestDueBeginsWhereItStopped(t *testing.T) {
	s, _ := openMem(t)
	for i := range 10 {
		wait(t, s, Place{Destination: fmt.Sprint(i)}, noon, "x")
	}
	seen := map[string]int{}
	for range 5 {
		n := 0
		s.Due(noon, func(i PlaceInfo) bool { seen[i.Place.Destination]++; n++; return n < 4 })
	}
	if len(seen) != 10 {
		t.Fatalf("%d of 10 got their turn", len(seen))
	}
	for p, n := range seen {
		if n != 2 {
			t.Errorf("place %s was shown %d times", p, n)
		}
	}
}

func TestPlaces(t *testing.T) {
	s, fs := openMem(t)
	held := alpha
	held.Hold = "tag"
	wait(t, s, alpha, after(5), "a", "b")
	wait(t, s, held, noon, "c")
	wait(t, s, beta, noon, "d")
	s = reopen(t, s, fs)
	if n := len(s.Places()); n != 3 || s.WaitingCount() != 4 || s.Count(alpha) != 2 {
		t.Fatalf("%d places, %d messages, %d", n, s.WaitingCount(), s.Count(alpha))
	}
	if n := len(s.PlacesOf("alpha.example")); n != 2 {
		t.Errorf("%d places of alpha", n)
	}
	w := s.TakeDue(held, noon, 1, 1<<40, nil)[0]
	i := s.PlacesOf("alpha.example")
	if i[0].Place != held {
		i[0], i[1] = i[1], i[0]
	}
	if n := s.Parked(); n != 3 {
		t.Errorf("%d parked", n)
	}
	if i[0].InHand != 1 || !i[0].NextDue.IsZero() || !i[1].NextDue.Equal(after(5)) || i[1].Since.IsZero() {
		t.Errorf("got %+v", i)
	}
	commit(t, s, func(b *Batch) { b.Remove(w.ID) })
	if n := len(s.PlacesOf("alpha.example")); n != 1 {
		t.Errorf("an empty place is kept")
	}
	s = reopen(t, s, fs)
	if n := len(s.Places()); n != 2 {
		t.Errorf("%d places after a restart", n)
	}
}

func TestWalkAndGrab(t *testing.T) {
	s, _ := openMem(t)
	wait(t, s, alpha, after(2), "b")
	wait(t, s, alpha, after(1), "a")
	s.TakeDue(alpha, after(1), 1, 1<<40, nil)
	var list []Waiting
	if err := s.WalkPlace(alpha, func(w Waiting) bool { list = append(list, w); return true }); err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || string(list[0].Body) != "a" || string(list[1].Body) != "b" {
		t.Fatalf("got %+v", list)
	}
	if s.Grab(list[0]) {
		t.Error("grabbed what is in hand")
	}
	if !s.Grab(list[1]) || s.Grab(list[1]) {
		t.Error("not grabbed once")
	}
	expect(t, "due", due(s, alpha, after(9), 9))
	commit(t, s, func(b *Batch) { b.Remove(list[1].ID) })
	if s.Grab(list[1]) {
		t.Error("grabbed what is gone")
	}
}

func TestExpediteADestination(t *testing.T) {
	s, fs := openMem(t)
	const many = 2*bulk + 5
	commit(t, s, func(b *Batch) {
		for i := range many {
			b.Wait(Waiting{Place: alpha, Due: after(time.Hour + time.Duration(i)), Priority: uint8(i % 2), Deadline: after(9 * time.Hour)})
		}
		b.Wait(Waiting{Place: beta, Due: after(time.Hour)})
	})
	wait(t, s, alpha, noon, "due already")
	held := s.TakeDue(alpha, after(time.Hour+1), 3, 1<<40, nil) // the due one and two more
	var last int
	n, err := s.Expedite(context.Background(), "alpha.example", after(1), func(done int) { last = done })
	if n != many-2 || last != n || err != nil {
		t.Fatalf("%d, %d, %v", n, last, err)
	}
	s = reopen(t, s, fs)
	if got := len(s.TakeDue(alpha, after(1), many, 1<<40, nil)); got != many-2+1 {
		t.Errorf("%d due, %d were in hand", got, len(held))
	}
	if s.Count(alpha) != many+1 || len(s.TakeDue(beta, after(1), 9, 1<<40, nil)) != 0 {
		t.Error("others were touched")
	}
	if got := len(s.Expired(after(10*time.Hour), many, 1<<40, nil)); got != 2 {
		t.Errorf("%d expired", got)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Expedite(ctx, "beta.example", noon, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestOutcomesAreFoundAgain(t *testing.T) {
	s, fs := openMem(t)
	wait(t, s, alpha, noon, "a", "b", "c", "d", "e")
	got := s.TakeDue(alpha, noon, 5, 1<<40, nil)
	commit(t, s, func(b *Batch) {
		for _, w := range got {
			b.NoteWaiting(w.ID, []byte("first"))
		}
	})
	commit(t, s, func(b *Batch) {
		b.NoteWaiting(got[0].ID, []byte("250 "+string(got[0].Body)))
		b.NoteWaiting(got[1].ID, nil)
		b.Remove(got[2].ID)
		b.Reschedule(got[3].ID, Waiting{Place: beta, Due: after(time.Hour)})
		b.Reschedule(got[4].ID, Waiting{Place: beta, Due: after(time.Hour), Outcome: []byte("kept")})
	})
	s, fs = powerCut(t, fs)
	found := map[string]string{}
	collect := func(w Waiting) error { found[string(w.Body)] = string(w.Outcome); return nil }
	if err := s.OpenOutcomes(collect); err != nil {
		t.Fatal(err)
	}
	if len(found) != 2 || found["a"] != "250 a" || found["e"] != "kept" {
		t.Fatalf("found %v", found)
	}
	expect(t, "others", due(s, alpha, noon, 9), "b")
	expect(t, "rescheduled", due(s, beta, after(time.Hour), 9), "d")
	s.BackWaiting(got[0].ID)
	if again := s.TakeDue(alpha, noon, 9, 1<<40, nil); len(again) != 1 || string(again[0].Outcome) != "250 a" {
		t.Errorf("given back: %+v", again)
	}
	commit(t, s, func(b *Batch) { b.Remove(got[0].ID); b.Remove(got[4].ID) })
	s, _ = powerCut(t, fs)
	clear(found)
	if err := s.OpenOutcomes(collect); err != nil || len(found) != 0 {
		t.Errorf("%v, %v", found, err)
	}
}
