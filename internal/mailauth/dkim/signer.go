package dkim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// SignerOptions of a Signer. Zero values can be used.
type SignerOptions struct {
	Workers    int                   // 0: one per processor
	Queue      int                   // messages that wait for a worker; more wait in Sign. 0: 16 per worker
	Registerer prometheus.Registerer // nil: metrics are not registered
	Now        func() time.Time      // nil: time.Now
}

// Signer signs messages in workers of its own: the work of a signature needs a processor, so more at a time would only be slower,
// and no goroutine of a connection does it.
type Signer struct {
	now    func() time.Time
	meters *meters
	jobs   chan *job
	closed chan struct{}
	once   sync.Once
	group  sync.WaitGroup
}

// ErrClosed says that the signer has been closed.
var ErrClosed = errors.New("the signer is closed")

// MaxSignatures is the largest number of keys that sign one message.
const MaxSignatures = 32

// NewSigner starts the workers.
func NewSigner(o SignerOptions) *Signer {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Queue <= 0 {
		o.Queue = 16 * o.Workers
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Signer{now: o.Now, meters: newMeters(o.Registerer), jobs: make(chan *job, o.Queue), closed: make(chan struct{})}
	for range o.Workers {
		s.group.Go(s.work)
	}
	return s
}

// Close ends the workers, after what they have in hand. What waits ends with ErrClosed.
func (s *Signer) Close() {
	s.once.Do(func() { close(s.closed) })
	s.group.Wait()
}

// job is one message to sign. It is taken once: by the worker, or by the caller who does not wait any longer.
type job struct {
	source []byte
	keys   []*Key
	now    time.Time
	taken  atomic.Bool
	done   chan struct{}
	fields []byte
	err    error
}

// Sign makes the signatures of a message, one for each key that has not expired, and returns them as header fields, ready to be put
// in front of it: the lowest priority on top, equal ones in the order of keys. Two keys that would make the same signature make one.
//
// Source is the message as it goes over the wire, before dots are doubled: lines end with CRLF. It is not changed, and not read any
// more after the return. If some keys fail, the error is the *KeyError of the first, and the other signatures are returned with
// it. Other errors: those of mime.ParseHeader, ErrContinued, a signer that is closed (ErrClosed), a context that is done.
func (s *Signer) Sign(ctx context.Context, source []byte, keys []*Key) ([]byte, error) {
	now := s.now()
	keys, err := inOrder(keys, now)
	if len(keys) == 0 {
		return nil, err
	}
	j := &job{source: source, keys: keys, now: now, done: make(chan struct{})}
	s.meters.waiting.Inc()
	defer s.meters.waiting.Dec()
	select {
	case s.jobs <- j:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.closed:
		return nil, ErrClosed
	}
	select {
	case <-j.done:
		return j.fields, cmp.Or(j.err, err)
	case <-ctx.Done():
		err = ctx.Err()
	case <-s.closed:
		err = ErrClosed
	}
	if j.taken.Swap(true) {
		<-j.done // a worker reads source: it must not be given back yet
	}
	return nil, err
}

// inOrder leaves out what is over or double, and puts the lowest priority first.
func inOrder(keys []*Key, now time.Time) ([]*Key, error) {
	usable := make([]*Key, 0, len(keys))
	for _, k := range keys {
		if !k.Expired(now) && !slices.ContainsFunc(usable, k.same) {
			usable = append(usable, k)
		}
	}
	slices.SortStableFunc(usable, func(a, b *Key) int { return cmp.Compare(a.Priority, b.Priority) })
	if len(usable) <= MaxSignatures {
		return usable, nil
	}
	k := usable[MaxSignatures]
	reason := fmt.Sprintf("a message has at most %d signatures", MaxSignatures)
	return usable[:MaxSignatures], &KeyError{Domain: k.Domain, Selector: k.Selector, Reason: reason}
}

func (s *Signer) work() {
	for {
		select {
		case j := <-s.jobs:
			if !j.taken.Swap(true) {
				s.do(j)
			}
		case <-s.closed:
			return
		}
	}
}

// do does one job. A panic is the error of this message alone.
func (s *Signer) do(j *job) {
	defer close(j.done)
	defer func() {
		if v := recover(); v != nil {
			j.fields, j.err = nil, fmt.Errorf("signing panicked: %v\n%s", v, debug.Stack())
		}
	}()
	j.fields, j.err = s.sign(j)
}

// sign makes the signatures of one message.
func (s *Signer) sign(j *job) (fields []byte, first error) {
	c, err := newContent(j.source)
	if err != nil {
		return nil, err
	}
	for _, k := range j.keys {
		if fields, err = c.append(fields, k, j.now); err != nil {
			s.meters.failures.Inc()
			first = cmp.Or(first, err)
			continue
		}
		s.meters.signatures.WithLabelValues(k.Algorithm()).Inc()
	}
	return fields, first
}
