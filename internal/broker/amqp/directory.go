package amqp

import (
	"errors"
	"sync"
	"time"

	"posthoorn/internal/broker"
)

const (
	maxNames   = 10_000      // of queues that are remembered
	failureTTL = time.Second // how long a queue that cannot be reached is not asked for again
)

// directory remembers which queues exist.
type directory struct {
	mu    sync.RWMutex
	names map[string]*name
}

type name struct {
	ready bool
	held  int // sendings that wait for it: who comes later may not overtake them
	err   error
	until time.Time // err counts till then
}

// look reports whether everything may be published at once, or why it cannot be.
func (d *directory) look(s *sending) (bool, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	ready := true
	for i := range s.entries {
		e := &s.entries[i]
		if e.handover != "" {
			continue
		}
		n := d.names[e.queue]
		switch {
		case n == nil:
			ready = false
		case n.err != nil && n.held == 0 && time.Now().Before(n.until):
			return false, n.err
		case !n.ready || n.held > 0:
			ready = false
		}
	}
	return ready, nil
}

// hold notes that a sending waits for its queues; release ends that.
func (d *directory) hold(s *sending) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range s.entries {
		d.get(s.entries[i].queue).held++
	}
}

func (d *directory) release(s *sending) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range s.entries {
		d.get(s.entries[i].queue).held--
	}
}

// get needs d.mu.
func (d *directory) get(queue string) *name {
	n := d.names[queue]
	if n != nil {
		return n
	}
	if len(d.names) >= maxNames {
		for other, old := range d.names {
			if old.held == 0 {
				delete(d.names, other)
				break
			}
		}
	}
	n = new(name)
	d.names[queue] = n
	return n
}

// known is what look says, of one queue.
func (d *directory) known(queue string) (bool, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	n := d.names[queue]
	if n == nil {
		return false, nil
	}
	if n.err != nil && time.Now().Before(n.until) {
		return false, n.err
	}
	return n.ready, nil
}

// note remembers what a declare brought. Only what the broker itself said counts as an answer.
func (d *directory) note(queue string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.get(queue)
	n.ready, n.err = err == nil, nil
	if errors.Is(err, broker.ErrUnroutable) {
		n.err, n.until = err, time.Now().Add(failureTTL)
	}
}

// forget makes the next publishing look again.
func (d *directory) forget(queue string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.names[queue]; n != nil {
		n.ready = false
	}
}

func (d *directory) forgetAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.names {
		n.ready = false
	}
}
