package localqueue

import (
	"errors"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Place says where mail waits.
type Place struct {
	Destination string // recipient domain in A-labels, or the smarthost
	Sources     string // the set of addresses it may leave from, in the caller's own spelling
	Hold        string // the paused tag that holds it, or empty
}

// Waiting is a message that waits.
type Waiting struct {
	ID       uint64 // given by the store; for Reschedule, Remove and so on
	Place    Place
	Due      time.Time // not handed out before; zero: at once and before all others
	Deadline time.Time // zero: none
	Priority uint8     // among what is due, higher goes first
	Body     []byte
	Outcome  []byte // noted outcome, nil if there is none
}

// TakeDue takes in hand up to n messages of the place that are due at now, and appends
// them to dst: higher priority first, then due time, then age. The message with which
// their bodies reach so many bytes is the last.
func (s *Store) TakeDue(p Place, now time.Time, n int, bytes int64, dst []Waiting) []Waiting {
	if !s.use() {
		return dst
	}
	defer s.life.leave()
	s.mu.Lock()
	var got []*held
	var err error
	if g := s.places[p]; g != nil && !s.isShut(p) {
		got, err = s.take(g, nanos(now), n, bytes)
	}
	s.mu.Unlock()
	s.report("taking from a place", err)
	return s.waitings(got, dst)
}

// waitings reads bodies and outcomes of what was taken in hand.
func (s *Store) waitings(got []*held, dst []Waiting) []Waiting {
	for _, h := range got {
		w, err := s.whole(h)
		if err != nil {
			s.unreadable(h, err)
			continue
		}
		dst = append(dst, w)
	}
	s.meters.takes.Add(float64(len(got)))
	return dst
}

func (s *Store) whole(h *held) (w Waiting, err error) {
	w = h.waiting()
	if w.Body, err = s.body(h.at.id); err == nil {
		w.Outcome, err = s.outcomeOf(h)
	}
	return w, err
}

func (s *Store) outcomeOf(h *held) ([]byte, error) {
	s.mu.Lock()
	_, noted := s.noted[h.at.id]
	s.mu.Unlock()
	if !noted {
		return nil, nil
	}
	return s.outcome(h.at.id)
}

func (h *held) waiting() Waiting {
	return Waiting{
		ID: h.at.id, Place: h.group.place, Priority: h.lane.priority,
		Due: moment(h.at.due), Deadline: moment(h.deadline),
	}
}

func (s *Store) outcome(id uint64) ([]byte, error) {
	v, closer, err := s.db.Get(numberKey(keyOutcome, id))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil // ended since
	}
	if err != nil {
		return nil, err
	}
	_, outcome, err := parseLocation(v)
	return slices.Clone(outcome), errors.Join(err, closer.Close())
}

// BackWaiting gives a waiting message back unharmed, at its old time. One that is not
// in hand, or on its way out, is left alone.
func (s *Store) BackWaiting(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.held[id]
	if h == nil || h.leaving || h.group.queue {
		return
	}
	s.back(h)
	delete(s.returned, id) // means nothing here
	if s.agenda.update(h.group) {
		signal(s.changed)
	}
}

// Grab takes one message in hand that WalkPlace showed: w needs ID, Place, Due and
// Priority as they were shown. False: it is gone, moved, or in hand.
func (s *Store) Grab(w Waiting) bool {
	if !s.use() {
		return false
	}
	defer s.life.leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.places[w.Place]
	if g == nil {
		return false
	}
	h, err := s.grab(g, w.Priority, pos{due: nanos(w.Due), id: w.ID})
	s.report("taking one message", err)
	if h != nil {
		s.agenda.update(g)
	}
	return h != nil
}

// WalkPlace shows the messages of a place in order, those in hand too, without taking
// them, until fn says false.
func (s *Store) WalkPlace(p Place, fn func(Waiting) bool) error {
	if !s.use() {
		return ErrClosed
	}
	defer s.life.leave()
	s.mu.Lock()
	g := s.places[p]
	s.mu.Unlock()
	return s.walk(g, func(h *held) (bool, error) {
		w, err := s.whole(h)
		if errors.Is(err, pebble.ErrNotFound) {
			return true, nil // finished since
		}
		return err == nil && fn(w), err
	})
}

// OpenOutcomes, called once after Open and before the first TakeDue, takes in hand
// every waiting message that has a noted outcome and shows it to fn.
func (s *Store) OpenOutcomes(fn func(Waiting) error) error {
	if !s.use() {
		return ErrClosed
	}
	defer s.life.leave()
	got, err := s.grabNoted()
	if err != nil {
		return err
	}
	for _, h := range got {
		w, err := s.whole(h)
		if err != nil {
			s.unreadable(h, err)
			continue
		}
		if err := fn(w); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) grabNoted() (got []*held, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.scan(keyOutcome, func(k, v []byte) error {
		where, _, err := parseLocation(v)
		if err != nil {
			return err
		}
		h, err := s.grabAt(where, numberOf(k))
		if h != nil {
			got = append(got, h)
		}
		return err
	})
	return got, err
}

// grabAt takes the waiting message in hand that an index other than its place's names.
func (s *Store) grabAt(where location, id uint64) (*held, error) {
	g := s.groups[where.group]
	if g == nil || g.queue {
		return nil, nil
	}
	h, err := s.grab(g, where.priority, pos{due: where.due, id: id})
	if h != nil {
		s.agenda.update(g)
	}
	return h, err
}
