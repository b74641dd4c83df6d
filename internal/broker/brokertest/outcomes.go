package brokertest

import (
	"sync"
	"testing"
	"time"

	"posthoorn/internal/broker"
)

// outcomes watches the Done calls of many sends.
type outcomes struct {
	t       *testing.T
	mu      sync.Mutex
	changed sync.Cond
	calls   map[int]int
	errs    map[int]error
}

func newOutcomes(t *testing.T) *outcomes {
	o := &outcomes{t: t, calls: map[int]int{}, errs: map[int]error{}}
	o.changed.L = &o.mu
	return o
}

func (o *outcomes) done(i int) broker.Done {
	return func(err error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.calls[i]++; o.calls[i] > 1 {
			o.t.Errorf("Done of send %d was called %d times", i, o.calls[i])
		}
		o.errs[i] = err
		o.changed.Broadcast()
	}
}

// wait waits for n outcomes.
func (o *outcomes) wait(n int) {
	o.t.Helper()
	alarm := time.AfterFunc(Patience, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.changed.Broadcast()
	})
	defer alarm.Stop()
	deadline := time.Now().Add(Patience)
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.errs) < n {
		if time.Now().After(deadline) {
			o.t.Fatalf("%d of %d sends have their outcome", len(o.errs), n)
		}
		o.changed.Wait()
	}
}

// allFine waits for n outcomes and fails for each that is an error.
func (o *outcomes) allFine(n int) {
	o.t.Helper()
	o.wait(n)
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, err := range o.errs {
		if err != nil {
			o.t.Fatalf("send %d: %v", i, err)
		}
	}
}

func (o *outcomes) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.errs)
}

func (o *outcomes) err(i int) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.errs[i]
}
