package localqueue

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// swept takes with bites of n until the sweep is over.
func swept(t *testing.T, w *Sweep, n int, bytes int64) (bodies []string) {
	t.Helper()
	for {
		got, err := w.Take(n, bytes, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 {
			return bodies
		}
		if len(got) > n {
			t.Errorf("%d taken of at most %d", len(got), n)
		}
		for _, m := range got {
			bodies = append(bodies, string(m.Body))
		}
	}
}

func TestSweepTakesWhatIsNotInHandOnce(t *testing.T) {
	s, fs := openMem(t)
	want := []string{"high"}
	commit(t, s, func(b *Batch) {
		b.Wait(Waiting{Place: alpha, Due: after(time.Hour), Priority: 4, Body: []byte("high")})
		for i := range 20 {
			body := fmt.Sprintf("m%02d", i)
			b.Wait(Waiting{Place: alpha, Due: after(time.Duration(i) * time.Minute), Body: []byte(body)})
			want = append(want, body)
		}
		b.Wait(Waiting{Place: beta, Body: []byte("other")})
	})
	s = reopen(t, s, fs)
	inHand := s.TakeDue(alpha, after(0), 1, 1<<40, nil)
	want = slices.Delete(want, 1, 2)
	w := s.Sweep(alpha)
	wait(t, s, alpha, after(2*time.Hour), "came later")
	first, err := w.Take(3, 1<<20, nil)
	if err != nil || len(first) != 3 {
		t.Fatalf("%d, %v", len(first), err)
	}
	s.BackWaiting(first[0].ID) // is not shown again
	s.BackWaiting(inHand[0].ID)
	var got []string
	for _, m := range first {
		got = append(got, string(m.Body))
	}
	got = append(got, swept(t, w, 4, 1<<20)...)
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	expect(t, "what is left", due(s, alpha, after(9*time.Hour), 99), "high", "m00", "came later")
}

func TestSweepIsBoundedByBytes(t *testing.T) {
	s, _ := openMem(t)
	wait(t, s, alpha, noon, "large", "a", "b", "c")
	w := s.Sweep(alpha)
	for _, want := range []int{1, 2, 1, 0} {
		if got, err := w.Take(9, 2, nil); len(got) != want || err != nil {
			t.Fatalf("%d instead of %d, %v", len(got), want, err)
		}
	}
}

func TestShutPlacesHandNothingOut(t *testing.T) {
	s, _ := openMem(t)
	commit(t, s, func(b *Batch) {
		for _, p := range []Place{alpha, beta} {
			b.Wait(Waiting{Place: p, Due: noon, Deadline: after(1), Body: []byte(p.Destination)})
		}
	})
	shown := func() (list []string) {
		s.Due(noon, func(p PlaceInfo) bool { list = append(list, p.Place.Destination); return true })
		slices.Sort(list)
		return list
	}
	open, all := s.Shut(alpha.Destination), s.Shut("")
	expect(t, "all shut", due(s, beta, noon, 9))
	if list := shown(); list != nil {
		t.Errorf("due: %v", list)
	}
	all()
	all()
	expect(t, "the other one", due(s, beta, noon, 9), beta.Destination)
	expect(t, "the one that is shut", due(s, alpha, noon, 9))
	if got := s.Expired(after(2), 9, 1<<40, nil); len(got) != 0 {
		t.Errorf("expired: %v", got)
	}
	if got := swept(t, s.Sweep(alpha), 9, 1<<20); len(got) != 1 {
		t.Errorf("swept: %v", got)
	}
	s.BackWaiting(s.grabbed(t, alpha))
	<-s.Changed()
	open()
	select {
	case <-s.Changed():
	default:
		t.Error("nobody is told")
	}
	if list := shown(); !slices.Equal(list, []string{alpha.Destination}) {
		t.Errorf("due: %v", list)
	}
	if got := s.Expired(after(2), 9, 1<<40, nil); len(got) != 1 {
		t.Errorf("expired: %v", got)
	}
}

// grabbed is the one message of a place, which is in hand.
func (s *Store) grabbed(t *testing.T, p Place) uint64 {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, h := range s.held {
		if h.group.place == p {
			return id
		}
	}
	t.Fatal("nothing is in hand")
	return 0
}

func TestOutlook(t *testing.T) {
	s, _ := openMem(t)
	commit(t, s, func(b *Batch) {
		for i := range 6 {
			b.Wait(Waiting{Place: alpha, Due: after(time.Duration(i) * time.Minute), Priority: uint8(i % 2)})
		}
	})
	for _, c := range []struct {
		at, limit, due, next int
	}{{-1, 99, 0, 0}, {0, 99, 1, 1}, {3, 99, 4, 4}, {3, 2, 2, 4}, {3, 1, 1, 4}, {5, 99, 6, -1}} {
		n, next, err := s.Outlook(alpha, after(time.Duration(c.at)*time.Minute), c.limit)
		want := after(time.Duration(c.next) * time.Minute)
		if c.next < 0 {
			want = time.Time{}
		}
		if err != nil || n != c.due || !next.Equal(want) {
			t.Errorf("%+v: %d, %v, %v", c, n, next, err)
		}
	}
	s.TakeDue(alpha, after(time.Minute), 9, 1<<40, nil)
	if n, next, err := s.Outlook(alpha, after(time.Minute), 9); n != 0 || !next.Equal(after(2*time.Minute)) || err != nil {
		t.Errorf("in hand: %d, %v, %v", n, next, err)
	}
	if n, next, err := s.Outlook(beta, noon, 9); n != 0 || !next.IsZero() || err != nil {
		t.Errorf("nothing: %d, %v, %v", n, next, err)
	}
}

// A sweep lets others in between, also while it finds nothing for itself.
func TestSweepLooksAtALittleAtATime(t *testing.T) {
	s, _ := openMem(t)
	wait(t, s, alpha, after(0), "first")
	w := s.Sweep(alpha)
	commit(t, s, func(b *Batch) {
		for i := range 5 * sweepStep / 2 {
			b.Wait(Waiting{Place: alpha, Due: after(time.Duration(i)), Priority: uint8(i % 2), Body: []byte("later")})
		}
	})
	steps, taken := 0, 0
	for more := true; more; steps++ {
		var got []*held
		var err error
		if got, more, err = w.step(10, 1<<20); err != nil {
			t.Fatal(err)
		}
		taken += len(got)
	}
	if steps != 3 || taken != 1 {
		t.Errorf("%d steps, %d taken", steps, taken)
	}
	if rest := swept(t, w, 10, 1<<20); len(rest) > 0 {
		t.Errorf("%d more", len(rest))
	}
}

// While everything is shut nobody wades through what has expired, and what is expired is there afterwards.
func TestNothingExpiresWhileAllIsShut(t *testing.T) {
	s, _ := openMem(t)
	commit(t, s, func(b *Batch) {
		b.Wait(Waiting{Place: alpha, Due: after(time.Hour), Deadline: after(time.Minute), Body: []byte("late")})
	})
	open := s.Shut("")
	if got := s.Expired(after(time.Hour), 10, 1<<20, nil); len(got) != 0 {
		t.Errorf("%d taken", len(got))
	}
	open()
	if got := s.Expired(after(time.Hour), 10, 1<<20, nil); len(got) != 1 {
		t.Errorf("%d taken", len(got))
	}
}
