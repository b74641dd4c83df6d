package main

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// sink holds the numbers of all connections.
type sink struct {
	delay, deny                atomic.Int64
	messages, doubled, flushes atomic.Int64
	connections, open, peak    atomic.Int64
	first, last                atomic.Int64 // nanoseconds since 1970, 0: none
	seen                       [words]atomic.Uint64
	sampling                   atomic.Bool            // somebody takes the sample
	sample                     atomic.Pointer[[]byte] // the first message
}

// words of 64 numbers each: numbers above are counted, but doubles among them are not found.
const words = 1 << 17

func newSink() *sink { return new(sink) }

// stats is what /stats says.
type stats struct {
	Messages, Unique, Doubled, Flushes int64
	Connections, Open, Peak            int64
	First, Last                        int64
}

func (s *sink) stats(unique bool) stats {
	n := stats{
		Messages: s.messages.Load(), Doubled: s.doubled.Load(), Flushes: s.flushes.Load(),
		Connections: s.connections.Load(), Open: s.open.Load(), Peak: s.peak.Load(), First: s.first.Load(), Last: s.last.Load(),
	}
	if unique {
		for i := range s.seen {
			n.Unique += int64(bits.OnesCount64(s.seen[i].Load()))
		}
	}
	return n
}

func (s *sink) reset() {
	for _, n := range []*atomic.Int64{&s.messages, &s.doubled, &s.flushes, &s.connections, &s.first, &s.last} {
		n.Store(0)
	}
	s.sample.Store(nil)
	s.sampling.Store(false)
	s.peak.Store(s.open.Load())
	for i := range s.seen {
		s.seen[i].Store(0)
	}
}

// opened counts a connection; closed is its end.
func (s *sink) opened() {
	s.connections.Add(1)
	n := s.open.Add(1)
	for p := s.peak.Load(); n > p && !s.peak.CompareAndSwap(p, n); p = s.peak.Load() {
	}
}

func (s *sink) closed() { s.open.Add(-1) }

// took counts a message; id is negative when it had none.
func (s *sink) took(id int64) {
	s.messages.Add(1)
	now := time.Now().UnixNano()
	if s.first.Load() == 0 {
		s.first.CompareAndSwap(0, now)
	}
	s.last.Store(now)
	if id < 0 || id >= words*64 {
		return
	}
	if bit := uint64(1) << (id & 63); s.seen[id>>6].Or(bit)&bit != 0 {
		s.doubled.Add(1)
	}
}
