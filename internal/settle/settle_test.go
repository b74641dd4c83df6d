package settle_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"posthoorn/internal/broker"
	"posthoorn/internal/localqueue"
	"posthoorn/internal/settle"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// diary is what happened, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) write(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.lines...)
}

// sender answers each publishing from another goroutine, as a broker does.
type sender struct {
	diary  *diary
	answer func(broker.Publishing) error // nil: all is well
	gate   chan struct{}                 // nil: open; else each answer takes one
}

func (s *sender) Send(ctx context.Context, ps []broker.Publishing, done broker.Done) {
	go func() {
		if s.gate != nil {
			select {
			case <-s.gate:
			case <-ctx.Done():
				done(ctx.Err())
				return
			}
		}
		for _, p := range ps {
			if s.answer != nil {
				if err := s.answer(p); err != nil {
					done(err)
					return
				}
			}
			s.diary.write("published %s", p.Queue)
		}
		done(nil)
	}()
}

// store commits, or not, from one goroutine for each batch.
type store struct {
	diary  *diary
	answer func(n int) error // n: number of the commit, from 1; nil: all is well
	gate   chan struct{}
	mu     sync.Mutex
	n      int
}

func (s *store) Commit(_ *localqueue.Batch, done func(error)) {
	s.mu.Lock()
	s.n++
	n := s.n
	s.mu.Unlock()
	go func() {
		if s.gate != nil {
			<-s.gate
		}
		if s.answer != nil {
			if err := s.answer(n); err != nil {
				done(err)
				return
			}
		}
		s.diary.write("committed")
		done(nil)
	}()
}

// verdict counts how a work was settled.
type verdict struct {
	mu    sync.Mutex
	calls int
	err   error
	ended chan struct{}
}

func newVerdict() *verdict { return &verdict{ended: make(chan struct{})} }

func (v *verdict) settled(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.calls++
	v.err = err
	if v.calls == 1 {
		close(v.ended)
	}
}

func (v *verdict) read() (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.calls, v.err
}

func publication(queue string) settle.Publication {
	return settle.Publication{Publishing: broker.Publishing{Queue: queue, Body: []byte(`{"recipient":"a@b.test"}`), ID: "id-" + queue}}
}

var (
	results = publication("results")
	success = publication("success")
	retry   = publication("retry")
	one     = settle.Identity{1}
)

func fromBroker() settle.Origin {
	return settle.Origin{Ticket: broker.Ticket{Epoch: 1, Tag: 7}, Identity: one}
}
