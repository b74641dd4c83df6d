package localqueue

import "time"

// PlaceInfo is what is known of a place.
type PlaceInfo struct {
	Place   Place
	Count   int // all, those in hand included
	InHand  int
	NextDue time.Time // nothing that is not in hand is due before; zero if all is in hand
	Since   time.Time // the place has not been empty since: no message waits here longer
}

func (g *group) info() PlaceInfo {
	i := PlaceInfo{Place: g.place, Count: g.count, InHand: g.inHand, Since: moment(g.since)}
	if next, ok := g.next(); ok {
		i.NextDue = moment(next)
	}
	return i
}

// Due shows the places that have something due at now and not in hand, until fn says
// false; the next call then begins with the places that were not shown. fn must not
// call the store. After a start a place may be shown whose first message is gone:
// TakeDue then gives nothing and the place is not shown again before its time.
func (s *Store) Due(now time.Time, fn func(PlaceInfo) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := &s.agenda
	a.turnTo(nanos(now))
	first := a.turn
	for i := range a.due {
		a.turn = (first + i + 1) % len(a.due)
		if g := a.due[(first+i)%len(a.due)]; !s.isShut(g.place) && !fn(g.info()) {
			return
		}
	}
}

// NextDue is the earliest moment after now at which a place that has nothing due at
// now gets something due.
func (s *Store) NextDue(now time.Time) (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := &s.agenda
	a.turnTo(nanos(now))
	if len(a.future) == 0 {
		a.armed = endOfTime
		return time.Time{}, false
	}
	a.armed = a.future[0].slot.next
	return moment(a.armed), true
}

// Changed receives after NextDue may have become earlier, or Due longer, by a commit
// or a BackWaiting. It has room for one signal and is shared by all callers.
func (s *Store) Changed() <-chan struct{} { return s.changed }

// Places lists all places that hold something, in no order.
func (s *Store) Places() []PlaceInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]PlaceInfo, 0, len(s.places))
	for _, g := range s.places {
		list = append(list, g.info())
	}
	return list
}

// Parked is how many messages wait in all places and are not in hand. It is cheap enough to be asked every second.
func (s *Store) Parked() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.places {
		n += g.count - g.inHand
	}
	return n
}

// PlacesOf lists the places of one destination, in no order.
func (s *Store) PlacesOf(destination string) []PlaceInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]PlaceInfo, 0, len(s.byDomain[destination]))
	for _, g := range s.byDomain[destination] {
		list = append(list, g.info())
	}
	return list
}

// Count says how many messages wait in a place, those in hand included.
func (s *Store) Count(p Place) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.places[p]; g != nil {
		return g.count
	}
	return 0
}

// WaitingCount is the sum of Count over all places.
func (s *Store) WaitingCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting
}
