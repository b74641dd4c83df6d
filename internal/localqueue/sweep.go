package localqueue

import (
	"math"
	"time"
)

// Sweep goes once through what waited in a place when it began, whatever its time, and
// takes it in hand bit by bit. It holds nothing open between two calls, so that it may
// take as long as it needs. It is not safe for concurrent use.
type Sweep struct {
	s     *Store
	place Place
	until uint64        // numbers from here on came later
	after pos           // nothing before is wanted
	from  map[uint8]pos // of each lane: all before is done
}

// Sweep begins to go through a place.
func (s *Store) Sweep(p Place) *Sweep {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Sweep{s: s, place: p, until: s.durable, from: make(map[uint8]pos)}
}

// Take takes the next messages that are not in hand, up to n and up to so many bytes of
// bodies, but one at least, and appends them to dst. None: the sweep is over.
func (w *Sweep) Take(n int, bytes int64, dst []Waiting) ([]Waiting, error) {
	for had := len(dst); ; {
		got, err := w.hold(n, bytes)
		if err != nil || len(got) == 0 {
			return dst, err
		}
		if dst = w.s.waitings(got, dst); len(dst) > had {
			return dst, nil
		}
	}
}

// hold is Take without the bodies.
func (w *Sweep) hold(n int, bytes int64) (got []*held, err error) {
	for more := true; more && len(got) == 0 && err == nil; {
		got, more, err = w.step(n, bytes)
	}
	return got, err
}

// sweepStep is how many entries a sweep looks at while all others wait for it.
const sweepStep = 1000

// step looks at some entries. more: there are others, also if it got nothing of these.
func (w *Sweep) step(n int, bytes int64) (got []*held, more bool, err error) {
	s := w.s
	if !s.use() {
		return nil, false, ErrClosed
	}
	defer s.life.leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.places[w.place]
	if g == nil {
		return nil, false, nil
	}
	it, err := s.entries(g)
	if err != nil {
		return nil, false, err
	}
	left := sweepStep
	err = walkAll(it, w.starts(g), math.MaxUint64, func(h *held) (bool, error) {
		if more = left == 0; more {
			return false, nil
		}
		left--
		if h.at.id < w.until && s.held[h.at.id] == nil {
			if bytes -= int64(h.size); bytes < 0 && len(got) > 0 {
				return false, nil
			}
			got = append(got, s.hold(g, h.lane, h.at, h.entry))
		}
		w.from[h.lane.priority] = h.at.next()
		return len(got) < n, nil
	})
	if err != nil {
		for _, h := range got {
			s.back(h)
			delete(s.returned, h.at.id) // means nothing here
		}
		got = nil
	}
	s.agenda.update(g)
	return got, more, err
}

func (w *Sweep) starts(g *group) []start {
	list := g.starts()
	for i := range list {
		low := &list[i].low
		for _, p := range [...]pos{w.after, w.from[list[i].lane.priority]} {
			if low.before(p) {
				*low = p
			}
		}
	}
	return list
}

// Shut keeps what waits for a destination (empty: everything) from being handed out by
// Due, TakeDue and Expired, until open is called; a Sweep takes it. Shut twice, it has to
// be opened twice.
func (s *Store) Shut(destination string) (open func()) {
	s.mu.Lock()
	s.shut[destination]++
	s.mu.Unlock()
	opened := false
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if opened {
			return
		}
		opened = true
		if s.shut[destination]--; s.shut[destination] == 0 {
			delete(s.shut, destination)
		}
		signal(s.changed)
	}
}

// isShut is called with s.mu held.
func (s *Store) isShut(p Place) bool {
	return len(s.shut) > 0 && (s.shut[""] > 0 || s.shut[p.Destination] > 0)
}

// Outlook counts what is due in a place at now and not in hand, up to limit, and says
// when the first of what is due later is: zero if there is nothing.
func (s *Store) Outlook(p Place, now time.Time, limit int) (due int, next time.Time, err error) {
	if !s.use() {
		return 0, next, ErrClosed
	}
	defer s.life.leave()
	s.mu.Lock()
	g := s.places[p]
	if g == nil {
		s.mu.Unlock()
		return 0, next, nil
	}
	starts, durable := g.starts(), s.durable
	s.mu.Unlock()
	o := outlook{s: s, now: nanos(now), limit: limit, next: endOfTime}
	for _, from := range starts {
		if err := o.lane(from, durable); err != nil {
			return 0, next, err
		}
	}
	if o.next != endOfTime {
		next = moment(o.next)
	}
	return o.due, next, nil
}

// outlook is what an Outlook has found so far.
type outlook struct {
	s          *Store
	now, next  int64
	due, limit int
}

// lane counts what is due, and then looks for the first that is not.
func (o *outlook) lane(from start, durable uint64) error {
	if o.due < o.limit {
		err := o.look(from, durable, func(h *held) bool {
			if h.at.due > o.now {
				return false
			}
			o.due++
			return o.due < o.limit
		})
		if err != nil {
			return err
		}
	}
	if later := (pos{due: o.now}).after(); from.low.before(later) {
		from.low = later
	}
	return o.look(from, durable, func(h *held) bool {
		o.next = min(o.next, h.at.due)
		return false
	})
}

// look walks over what is not in hand until fn says false.
func (o *outlook) look(from start, durable uint64, fn func(*held) bool) error {
	it, err := o.s.entries(from.group)
	if err != nil {
		return err
	}
	return walkAll(it, []start{from}, durable, func(h *held) (bool, error) {
		return o.s.inHand(h.at.id) || fn(h), nil
	})
}

func (s *Store) inHand(id uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held[id] != nil
}
