package localqueue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestQueueOrder(t *testing.T) {
	s, _ := openMem(t)
	commit(t, s, func(b *Batch) {
		for i, p := range []uint8{0, 9, 0, 255, 9} {
			b.Publish("q", Message{Body: fmt.Append(nil, p, "-", i), Priority: p})
		}
	})
	publish(t, s, "other", "x")
	expect(t, "order", bodies(s, "q", 9), "255-3", "9-1", "9-4", "0-0", "0-2")
	expect(t, "again", bodies(s, "q", 9))
	publish(t, s, "q", "late")
	commit(t, s, func(b *Batch) { b.Publish("q", Message{Body: []byte("urgent"), Priority: 3}) })
	expect(t, "one", bodies(s, "q", 1), "urgent")
	expect(t, "two", bodies(s, "q", 1), "late")
	if ready, inHand := s.Len("q"); ready != 0 || inHand != 7 {
		t.Errorf("ready %d, in hand %d", ready, inHand)
	}
}

func TestMessageIsKeptWhole(t *testing.T) {
	s, fs := openMem(t)
	want := Message{Body: bytes.Repeat([]byte{0, 1, 255}, 1<<20), Priority: 4, ID: "id@x", Published: noon.Add(7)}
	commit(t, s, func(b *Batch) { b.Publish("q", want); b.Publish("q", Message{}) })
	s = reopen(t, s, fs)
	got := s.Take("q", 2, nil)
	if len(got) != 2 {
		t.Fatalf("%d came", len(got))
	}
	m := got[0].Message
	if !bytes.Equal(m.Body, want.Body) || m.Priority != 4 || m.ID != want.ID || !m.Published.Equal(want.Published) {
		t.Errorf("changed: %d bytes, %d, %q, %v", len(m.Body), m.Priority, m.ID, m.Published)
	}
	if e := got[1].Message; len(e.Body) != 0 || e.ID != "" || !e.Published.IsZero() {
		t.Errorf("empty one changed: %+v", e)
	}
}

func TestAckedDoesNotComeBack(t *testing.T) {
	s, fs := openMem(t)
	publish(t, s, "q", "a", "b", "c")
	got := s.Take("q", 3, nil)
	commit(t, s, func(b *Batch) { b.Ack("q", got[1].Seq) })
	s, _ = powerCut(t, fs)
	list := s.Take("q", 9, nil)
	if len(list) != 2 || string(list[0].Body) != "a" || string(list[1].Body) != "c" {
		t.Fatalf("got %v", list)
	}
	if !list[0].Redelivered {
		t.Error("not flagged after a restart")
	}
}

func TestBackIsNextAndFlagged(t *testing.T) {
	s, _ := openMem(t)
	publish(t, s, "q", "a", "b", "c")
	got := s.Take("q", 2, nil)
	if got[0].Redelivered {
		t.Error("fresh message flagged")
	}
	s.Back("q", got[0].Seq)
	s.Back("q", got[0].Seq)
	s.Back("other", got[1].Seq)
	again := s.Take("q", 9, nil)
	if len(again) != 2 || string(again[0].Body) != "a" || !again[0].Redelivered || string(again[1].Body) != "c" || again[1].Redelivered {
		t.Fatalf("got %+v", again)
	}
	if ready, inHand := s.Len("q"); ready != 0 || inHand != 3 {
		t.Errorf("ready %d, in hand %d", ready, inHand)
	}
}

func TestBatchIsAllOrNothing(t *testing.T) {
	s, _ := openMem(t)
	publish(t, s, "q", "a", "b")
	got := s.Take("q", 1, nil)
	a := got[0].Seq
	for name, fill := range map[string]func(b *Batch){
		"not in hand":   func(b *Batch) { b.Ack("q", a); b.Ack("q", a+1) },
		"twice":         func(b *Batch) { b.Ack("q", a); b.Ack("q", a) },
		"wrong queue":   func(b *Batch) { b.Ack("p", a) },
		"not waiting":   func(b *Batch) { b.Remove(a) },
		"note on ready": func(b *Batch) { b.NoteWaiting(a, []byte("x")) },
		"no such":       func(b *Batch) { b.Move("q", 1<<60, Waiting{}) },
	} {
		var b Batch
		b.Publish("r", Message{})
		fill(&b)
		if err := s.Do(context.Background(), &b); !errors.Is(err, ErrNotInHand) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if ready, _ := s.Len("r"); ready != 0 {
		t.Errorf("%d of refused batches published", ready)
	}
	commit(t, s, func(b *Batch) { b.Ack("q", a); b.Publish("r", Message{}) })
	if err := s.Do(context.Background(), func() *Batch { b := new(Batch); b.Ack("q", a); return b }()); !errors.Is(err, ErrNotInHand) {
		t.Errorf("acked again: %v", err)
	}
}

func TestReadySignals(t *testing.T) {
	s, _ := openMem(t)
	publish(t, s, "full", "x")
	for _, q := range []string{"full", "empty"} {
		ready := s.Ready(q)
		if q == "empty" {
			none(t, ready)
			publish(t, s, q, "y")
		}
		one(t, ready)
		none(t, ready)
		m := s.Take(q, 1, nil)
		s.Back(q, m[0].Seq)
		one(t, ready)
	}
}

func one(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	default:
		t.Fatal("no signal")
	}
}

func none(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
		t.Fatal("a signal for nothing")
	default:
	}
}

func TestQueuesAndWalk(t *testing.T) {
	s, fs := openMem(t)
	commit(t, s, func(b *Batch) {
		b.Publish("b", Message{Body: []byte("young"), Published: after(time.Hour), Priority: 1})
		b.Publish("b", Message{Body: []byte("old"), Published: noon})
		b.Publish("a", Message{Body: []byte("gone"), Published: noon})
	})
	m := s.Take("a", 1, nil)
	commit(t, s, func(b *Batch) { b.Ack("a", m[0].Seq) })
	s = reopen(t, s, fs)
	s.Take("b", 1, nil)
	list := s.Queues()
	if len(list) != 1 {
		t.Fatalf("got %+v", list)
	}
	want := QueueInfo{Name: "b", Messages: 2, InHand: 1, Bytes: 8, Oldest: noon}
	if got := list[0]; !got.Oldest.Equal(noon) || got.Name != want.Name || got.Messages != 2 || got.InHand != 1 || got.Bytes != 8 {
		t.Errorf("got %+v, want %+v", got, want)
	}
	var seen []string
	for _, stop := range []int{1, 9} {
		seen = nil
		err := s.Walk("b", func(m Taken) bool { seen = append(seen, string(m.Body)); return len(seen) < stop })
		if err != nil {
			t.Fatal(err)
		}
	}
	expect(t, "walk", seen, "young", "old")
	expect(t, "still there", bodies(s, "b", 9), "old")
}

func TestTrimDropsTheOldest(t *testing.T) {
	s, _ := openMem(t)
	for i := range 10 {
		commit(t, s, func(b *Batch) {
			for _, q := range []string{"results", "success", "outbox"} {
				b.Publish(q, Message{Body: fmt.Append(nil, i), Priority: uint8(i % 3), Published: after(time.Duration(i) * time.Hour)})
			}
		})
	}
	cut := func(q string) bool { return q != "outbox" }
	ctx := context.Background()
	held := s.Take("results", 1, nil) // priority 2, hour 2
	n, err := s.Trim(ctx, after(10*time.Hour), 6*time.Hour, 0, cut)
	if n != 7 || err != nil { // hours 0 to 3 of both, but not the one in hand
		t.Fatalf("by age: %d, %v", n, err)
	}
	n, err = s.Trim(ctx, after(10*time.Hour), 6*time.Hour, 4, cut)
	if n != 9 || err != nil { // 13 bytes left
		t.Fatalf("by size: %d, %v", n, err)
	}
	s.Back("results", held[0].Seq)
	expect(t, "results", bodies(s, "results", 99), "2", "9")
	expect(t, "success", bodies(s, "success", 99), "8", "9")
	if ready, _ := s.Len("outbox"); ready != 10 {
		t.Errorf("outbox has %d", ready)
	}
}
