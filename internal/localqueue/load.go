package localqueue

import (
	"encoding/binary"
	"errors"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// load reads what is kept in memory: the numbers of each group, never the messages.
func (s *Store) load() error {
	if err := s.loadNumbers(); err != nil {
		return err
	}
	if err := s.scan(keyGroup, s.loadGroup); err != nil {
		return err
	}
	if err := s.scan(keyCounters, s.loadCounters); err != nil {
		return err
	}
	err := s.scan(keyOutcome, func(k, _ []byte) error {
		s.noted[numberOf(k)] = struct{}{}
		return nil
	})
	if err != nil {
		return err
	}
	for _, g := range s.places {
		s.agenda.update(g)
	}
	return s.scan(keyUnacked, s.ledger.loadUnacked)
}

func (s *Store) loadNumbers() error {
	next, err := s.number(stateNext)
	if err != nil {
		return err
	}
	s.next = max(next, 1)
	s.reserved, s.opened, s.durable = s.next, s.next, s.next
	dead, err := s.number(stateDead)
	if err != nil {
		return err
	}
	s.dead.mark, s.dead.written = pos{due: int64(dead)}, int64(dead)
	bucket, err := s.number(stateBucket)
	s.ledger.start(uint32(bucket))
	return err
}

func (s *Store) number(name string) (uint64, error) {
	v, closer, err := s.db.Get(nameKey(keyState, name))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if len(v) != 8 {
		return 0, errors.Join(errCorrupt, closer.Close())
	}
	return binary.BigEndian.Uint64(v), closer.Close()
}

func (s *Store) loadGroup(k, v []byte) error {
	g, err := parseGroup(binary.BigEndian.Uint32(k[1:]), v)
	if err != nil {
		return err
	}
	s.keepGroup(g)
	s.lastID = max(s.lastID, g.id)
	return nil
}

func (s *Store) loadCounters(k, v []byte) error {
	g := s.groups[binary.BigEndian.Uint32(k[1:])]
	if g == nil {
		return errCorrupt
	}
	if err := g.parseCounters(v); err != nil {
		return err
	}
	if !g.queue {
		s.waiting += g.count
	}
	return nil
}

// scan shows all records of one kind.
func (s *Store) scan(kind byte, fn func(k, v []byte) error) error {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{kind}, UpperBound: []byte{kind + 1}})
	if err != nil {
		return err
	}
	for ok := it.First(); ok && err == nil; ok = it.Next() {
		err = fn(it.Key(), it.Value())
	}
	return errors.Join(err, it.Error(), it.Close())
}

// queueGroup finds the group of a queue, or makes one.
func (s *Store) queueGroup(name string) *group {
	if g := s.queues[name]; g != nil {
		return g
	}
	return s.newGroup(&group{queue: true, name: strings.Clone(name)}) // often a part of a large body
}

// placeGroup finds the group of a place, or makes one.
func (s *Store) placeGroup(p Place) *group {
	if g := s.places[p]; g != nil {
		return g
	}
	return s.newGroup(&group{place: Place{
		Destination: strings.Clone(p.Destination),
		Sources:     strings.Clone(p.Sources),
		Hold:        strings.Clone(p.Hold),
	}})
}

func (s *Store) newGroup(g *group) *group {
	s.lastID++
	g.id = s.lastID
	s.keepGroup(g)
	return g
}

func (s *Store) keepGroup(g *group) {
	s.groups[g.id] = g
	if g.queue {
		s.queues[g.name] = g
		return
	}
	s.places[g.place] = g
	s.byDomain[g.place.Destination] = append(s.byDomain[g.place.Destination], g)
}

func (s *Store) forgetGroup(g *group) {
	delete(s.groups, g.id)
	if g.queue {
		delete(s.queues, g.name)
		return
	}
	s.agenda.remove(g)
	delete(s.places, g.place)
	domain := g.place.Destination
	rest := s.byDomain[domain]
	for i, other := range rest {
		if other == g {
			rest[i] = rest[len(rest)-1]
			rest = rest[:len(rest)-1]
			break
		}
	}
	if len(rest) == 0 {
		delete(s.byDomain, domain)
		return
	}
	s.byDomain[domain] = rest
}
