package localqueue

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// gated is a disk whose log, once it is shut, is not synced before the gate is open.
type gated struct {
	shut          atomic.Bool
	gate, reached chan struct{}
	syncs         atomic.Int64
}

func (d *gated) MaybeError(op errorfs.Op) error {
	switch op.Kind {
	case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
		if d.shut.Load() && strings.HasSuffix(op.Path, ".log") {
			signal(d.reached)
			<-d.gate
			d.syncs.Add(1)
		}
	}
	return nil
}

func (d *gated) String() string { return "gated" }

func TestManyBatchesShareOneSync(t *testing.T) {
	disk := &gated{gate: make(chan struct{}), reached: make(chan struct{}, 1)}
	s, err := Open("q", Options{FS: errorfs.Wrap(vfs.NewMem(), disk), Window: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	open := sync.OnceFunc(func() { close(disk.gate) })
	defer open() // so that a failure does not hang the Close
	answers := make(chan error, 200)
	send := func(n int) {
		for range n {
			b := new(Batch)
			b.Publish("q", Message{Body: []byte("x")})
			s.Commit(b, func(err error) { answers <- err })
		}
	}
	publish(t, s, "q", "durable")
	disk.shut.Store(true)
	send(1)
	<-disk.reached
	send(100) // the window

	ctx, cancel := context.WithCancel(context.Background())
	blocked := make(chan error, 1)
	go func() {
		b := new(Batch)
		b.Publish("q", Message{})
		blocked <- s.Do(ctx, b)
	}()
	cancel()
	if err := <-blocked; !errors.Is(err, context.Canceled) {
		t.Errorf("a full line: %v", err)
	}
	expect(t, "before the sync", bodies(s, "q", 9), "durable")
	if len(answers) != 0 {
		t.Error("answered before the sync")
	}
	open()
	for range 101 {
		if err := <-answers; err != nil {
			t.Fatal(err)
		}
	}
	if n := disk.syncs.Load(); n > 2 { // the first, and the hundred
		t.Errorf("%d syncs", n)
	}
	if ready, _ := s.Len("q"); ready != 101 {
		t.Errorf("%d published", ready)
	}
}

// TestNothingIsTakenTwice lets many take, give back, reschedule and remove at once.
func TestNothingIsTakenTwice(t *testing.T) {
	const many, workers = 2000, 8
	s, _ := openMem(t)
	commit(t, s, func(b *Batch) {
		for i := range many {
			body := strconv.AppendInt(nil, int64(i), 10)
			if i%2 == 0 {
				b.Publish("q", Message{Body: body, Priority: uint8(i % 3)})
			} else {
				b.Wait(Waiting{Place: alpha, Due: noon, Deadline: after(time.Duration(i)), Body: body, Priority: uint8(i % 3)})
			}
		}
	})
	w := &crowd{t: t, s: s, inHand: make([]atomic.Bool, many), finished: make([]atomic.Bool, many)}
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() { w.work(rand.New(rand.NewPCG(1, uint64(i)))) })
	}
	wg.Wait()
	commit(t, s, func(*Batch) {}) // behind all others
	if n := w.left(); n != 0 || s.WaitingCount() != 0 {
		t.Errorf("%d not finished, %d waiting", n, s.WaitingCount())
	}
	if ready, inHand := s.Len("q"); ready+inHand != 0 {
		t.Errorf("%d, %d in the queue", ready, inHand)
	}
}

type crowd struct {
	t                *testing.T
	s                *Store
	inHand, finished []atomic.Bool
	done             atomic.Int64
}

func (c *crowd) left() int { return len(c.inHand) - int(c.done.Load()) }

func (c *crowd) work(r *rand.Rand) {
	for c.left() > 0 && !c.t.Failed() {
		for _, m := range c.s.Take("q", 1+r.IntN(5), nil) {
			c.handle(r, string(m.Body), func() { c.s.Back("q", m.Seq) }, func(b *Batch) { b.Ack("q", m.Seq) },
				func(b *Batch) { b.Move("q", m.Seq, Waiting{Place: alpha, Due: noon}) })
		}
		now := after(time.Duration(r.IntN(2000)))
		got := c.s.TakeDue(alpha, now, 1+r.IntN(5), 1<<40, nil)
		got = c.s.Expired(now, 1, 1<<40, got)
		for _, m := range got {
			c.handle(r, string(m.Body), func() { c.s.BackWaiting(m.ID) }, func(b *Batch) { b.Remove(m.ID) },
				func(b *Batch) { b.Reschedule(m.ID, Waiting{Place: alpha, Due: noon, Deadline: m.Deadline}) })
		}
	}
}

func (c *crowd) handle(r *rand.Rand, body string, back func(), end, again func(*Batch)) {
	i, err := strconv.Atoi(body)
	if err != nil || !c.inHand[i].CompareAndSwap(false, true) || c.finished[i].Load() {
		c.t.Errorf("message %q is in other hands, or finished", body)
		return
	}
	b := new(Batch)
	switch r.IntN(3) {
	case 0:
		c.inHand[i].Store(false)
		back()
		return
	case 1:
		end(b)
		c.finished[i].Store(true)
		c.done.Add(1)
	case 2:
		again(b)
	}
	// It may be taken again the moment the commit is done.
	var finish sync.WaitGroup
	finish.Add(1)
	c.inHand[i].Store(false)
	c.s.Commit(b, func(err error) {
		if err != nil {
			c.t.Error(fmt.Errorf("message %d: %w", i, err))
		}
		finish.Done()
	})
	if r.IntN(2) == 0 {
		finish.Wait()
	}
}
