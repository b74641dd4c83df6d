package localqueue

import (
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Message is what a named queue holds.
type Message struct {
	Body      []byte
	Priority  uint8     // higher goes first
	ID        string    // a stable message-id, may be empty, at most 1 KB
	Published time.Time // kept to the nanosecond
}

// Taken is a message in hand. Its Body belongs to the receiver.
type Taken struct {
	Seq         uint64 // for Ack, Move and Back
	Redelivered bool   // given back before, or published before this store was opened
	Message
}

// QueueInfo is what is known of a named queue.
type QueueInfo struct {
	Name     string
	Messages int // all, those in hand included
	InHand   int
	Bytes    int64     // of bodies
	Oldest   time.Time // Published of the first message of the lanes; zero if there is none
}

// Take takes up to n ready messages in hand and appends them to dst: by priority,
// then in the order of publishing. A message stays in hand until it is acked, moved
// or given back; nobody else gets it.
func (s *Store) Take(queue string, n int, dst []Taken) []Taken {
	if !s.use() {
		return dst
	}
	defer s.life.leave()
	s.mu.Lock()
	var got []*held
	var err error
	if g := s.queues[queue]; g != nil {
		got, err = s.take(g, endOfTime, n, math.MaxInt64)
	}
	s.mu.Unlock()
	s.report("taking from a queue", err)
	for _, h := range got {
		body, err := s.body(h.at.id)
		if err != nil {
			s.unreadable(h, err)
			continue
		}
		t := s.taken(h, body)
		if dst = append(dst, t); t.Redelivered {
			s.meters.redelivered.Inc()
		}
	}
	s.meters.takes.Add(float64(len(got)))
	return dst
}

func (s *Store) taken(h *held, body []byte) Taken {
	return Taken{
		Seq:         h.at.id,
		Redelivered: h.again || uint64(h.at.due) < s.opened,
		Message:     Message{Body: body, Priority: h.lane.priority, ID: h.msgID, Published: moment(h.stamp)},
	}
}

// report logs an error of the disk while reading; what could be read was handed out.
func (s *Store) report(what string, err error) {
	if err != nil {
		s.log.Error("local queue: "+what, "error", err)
	}
}

// Back gives a message back unharmed; it is next again, as redelivered. One that is
// not in hand, or on its way out, is left alone.
func (s *Store) Back(queue string, seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.held[seq]
	if h == nil || h.leaving || !h.group.queue || h.group.name != queue {
		return
	}
	s.back(h)
	if h.group.ready != nil {
		signal(h.group.ready)
	}
}

// Ready returns a channel that receives after something became ready in the queue.
// It has room for one signal: drain it, then Take until nothing comes. All callers
// for one queue share the channel.
func (s *Store) Ready(queue string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.queueGroup(queue)
	if g.ready == nil {
		g.ready = make(chan struct{}, 1)
		if g.count > g.inHand {
			signal(g.ready)
		}
	}
	return g.ready
}

// Len says how many messages can be taken and how many are in hand.
func (s *Store) Len(queue string) (ready, inHand int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.queues[queue]; g != nil {
		return g.count - g.inHand, g.inHand
	}
	return 0, 0
}

// Queues lists the queues that hold something or have a Ready channel, by name.
func (s *Store) Queues() []QueueInfo {
	if !s.use() {
		return nil
	}
	defer s.life.leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]QueueInfo, 0, len(s.queues))
	for _, g := range s.queues {
		if g.count == 0 && g.ready == nil {
			continue // somebody listened before the last start
		}
		oldest, err := s.oldest(g)
		s.report("looking for the oldest message", err)
		list = append(list, QueueInfo{Name: g.name, Messages: g.count, InHand: g.inHand, Bytes: g.bytes, Oldest: moment(oldest)})
	}
	slices.SortFunc(list, func(a, b QueueInfo) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// oldest looks at the first message of each lane.
func (s *Store) oldest(g *group) (stamp int64, err error) {
	if g.count == 0 {
		return 0, nil
	}
	it, err := s.entries(g)
	if err != nil {
		return 0, err
	}
	for _, l := range g.lanes {
		if l.count == 0 || !it.SeekGE(entryKey(g.id, l.priority, l.low())) {
			continue
		}
		priority, _ := splitEntryKey(it.Key())
		e, err := parseEntry(it.Value())
		if err != nil {
			return 0, errors.Join(err, it.Close())
		}
		if priority == l.priority && (stamp == 0 || e.stamp < stamp) {
			stamp = e.stamp
		}
	}
	return stamp, errors.Join(it.Error(), it.Close())
}

// Walk shows the messages of a queue, those in hand too, in order and without taking
// them, until fn says false.
func (s *Store) Walk(queue string, fn func(Taken) bool) error {
	if !s.use() {
		return ErrClosed
	}
	defer s.life.leave()
	s.mu.Lock()
	g := s.queues[queue]
	s.mu.Unlock()
	return s.walk(g, func(h *held) (bool, error) {
		body, err := s.body(h.at.id)
		if errors.Is(err, pebble.ErrNotFound) {
			return true, nil // finished since
		}
		return err == nil && fn(s.taken(h, body)), err
	})
}
