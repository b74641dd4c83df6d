//go:build soak

package localqueue

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// soak is for the long runs of `make soak`: POSTHOORN_SOAK=1 go test -tags soak.
func soak(t *testing.T) string {
	if os.Getenv("POSTHOORN_SOAK") != "1" {
		t.Skip("POSTHOORN_SOAK is not 1")
	}
	return t.TempDir()
}

func openSoak(t *testing.T, dir string) *Store {
	t.Helper()
	begin := time.Now()
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	t.Logf("opened in %v, heap %d MB", time.Since(begin), heapBytes()>>20)
	return s
}

func heapBytes() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestSoakTombstones puts a million messages of 10 KB, acks 990,000 and starts anew:
// neither the start nor the first take may wade through what is gone.
func TestSoakTombstones(t *testing.T) {
	const many, kept, size = 1_000_000, 10_000, 10 << 10
	dir := soak(t)
	s := openSoak(t, dir)
	body := noise(size)
	begin := time.Now()
	for i := 0; i < many; i += 500 {
		b := new(Batch)
		for j := range 500 {
			b.Publish("outbox", Message{Body: append(strconv.AppendInt(nil, int64(i+j), 10), body...)})
		}
		s.Commit(b, check(t))
	}
	t.Logf("put in %v", time.Since(begin))
	begin = time.Now()
	var got []Taken
	for n := 0; n < many-kept; n += len(got) {
		got = s.Take("outbox", min(500, many-kept-n), got[:0])
		b := new(Batch)
		for _, m := range got {
			b.Ack("outbox", m.Seq)
		}
		if err := s.Do(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("taken and acked in %v", time.Since(begin))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openSoak(t, dir)
	begin = time.Now()
	first := s.Take("outbox", 1, nil)
	took := time.Since(begin)
	t.Logf("first take in %v", took)
	if len(first) != 1 || string(first[0].Body[:6]) != strconv.Itoa(many-kept) || took > time.Second {
		t.Fatalf("%d came in %v", len(first), took)
	}
	if ready, _ := s.Len("outbox"); ready != kept-1 {
		t.Errorf("%d left", ready)
	}
}

// TestSoakTenMillion lets ten million small messages wait for 10,000 destinations.
func TestSoakTenMillion(t *testing.T) {
	const many, places, bulk = 10_000_000, 10_000, 1000
	dir := soak(t)
	s := openSoak(t, dir)
	before := heapBytes()
	body := noise(300)
	begin := time.Now()
	for i := 0; i < many; i += bulk {
		b := new(Batch)
		for j := i; j < i+bulk; j++ {
			b.Wait(Waiting{Place: soakPlace(j % places), Due: noon.Add(time.Duration(j)), Deadline: after(48 * time.Hour), Body: body})
		}
		s.Commit(b, check(t))
	}
	if err := s.Do(context.Background(), new(Batch)); err != nil {
		t.Fatal(err)
	}
	t.Logf("put in %v, heap grew by %d MB", time.Since(begin), (int64(heapBytes())-int64(before))>>20)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	begin = time.Now()
	s = openSoak(t, dir)
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("opened in %v", took)
	}
	if n := s.WaitingCount(); n != many {
		t.Fatalf("%d wait", n)
	}
	begin = time.Now()
	if got := s.TakeDue(soakPlace(7), after(time.Hour), 100, 1<<40, nil); len(got) != 100 {
		t.Fatalf("%d came", len(got))
	}
	t.Logf("first 100 of a destination in %v", time.Since(begin))
	begin = time.Now()
	due := 0
	s.Due(after(time.Hour), func(PlaceInfo) bool { due++; return true })
	t.Logf("%d places due, listed in %v; heap %d MB", due, time.Since(begin), heapBytes()>>20)
	begin = time.Now()
	if got := s.Expired(after(time.Hour), 100, 1<<40, nil); len(got) != 0 {
		t.Errorf("%d expired", len(got))
	}
	t.Logf("looked for expired ones in %v", time.Since(begin))
	begin = time.Now()
	n := drain(t, s, places/10)
	t.Logf("%d taken and removed in %v, %.0f/s", n, time.Since(begin), float64(n)/time.Since(begin).Seconds())
	if grown := int64(heapBytes()) - int64(before); grown > 200<<20 {
		t.Errorf("heap grew by %d MB", grown>>20)
	}
}

func drain(t *testing.T, s *Store, places int) (n int) {
	for i := range places {
		for {
			got := s.TakeDue(soakPlace(i), after(time.Hour), 1000, 1<<40, nil)
			if len(got) == 0 {
				break
			}
			b := new(Batch)
			for _, w := range got {
				b.Remove(w.ID)
			}
			s.Commit(b, check(t))
			n += len(got)
		}
	}
	if err := s.Do(context.Background(), new(Batch)); err != nil {
		t.Fatal(err)
	}
	return n
}

func soakPlace(i int) Place {
	return Place{Destination: fmt.Sprintf("destination-%d.example", i), Sources: "10.0.0.1 10.0.0.2"}
}

func check(t *testing.T) func(error) {
	return func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
}

// TestSoakModel lives many lives.
func TestSoakModel(t *testing.T) {
	soak(t)
	for seed := range uint64(1000) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { modelRun(t, 1000+seed, 400) })
	}
}

// TestSoakSpaceComesBack lets 300,000 messages of 10 KB go through while 6,000 wait, one in ten of them for the whole time: the
// disk holds what is there and not what has been.
func TestSoakSpaceComesBack(t *testing.T) {
	const many, live, bulk, most = 300_000, 6_000, 1000, 1 << 30
	dir := soak(t)
	s := openSoak(t, dir)
	body := noise(10 << 10)
	peak, wait := int64(0), func(n, place int) {
		for range n {
			b := new(Batch)
			b.Wait(Waiting{Place: soakPlace(place), Due: noon, Deadline: after(48 * time.Hour), Body: body})
			s.Commit(b, check(t))
		}
	}
	wait(live-bulk, 1)
	for done := 0; done < many; done += bulk {
		wait(bulk, 1)
		wait(live/10*bulk/many, 2)
		b := new(Batch)
		for _, w := range s.TakeDue(soakPlace(1), after(time.Hour), bulk, 1<<40, nil) {
			b.Remove(w.ID)
		}
		if err := s.Do(context.Background(), b); err != nil {
			t.Fatal(err)
		}
		peak = max(peak, sizeOf(t, dir))
	}
	if t.Logf("%d MB at most, %d MB at the end", peak>>20, sizeOf(t, dir)>>20); peak > most {
		t.Errorf("more than %d MB", most>>20)
	}
}

// sizeOf is what the files of a folder take.
func sizeOf(t *testing.T, dir string) (n int64) {
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // it has just been removed
		}
		if info, err := d.Info(); err == nil {
			n += info.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
