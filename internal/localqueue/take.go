package localqueue

import (
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// take takes up to n messages of g in hand that are due at now, and no more after so many bytes of bodies. It is called with s.mu
// held: a commit cannot let go of a message between the look at the disk and the look
// at what is in hand, so nothing is taken twice.
func (s *Store) take(g *group, now int64, n int, bytes int64) (got []*held, err error) {
	if n <= 0 || g.count <= g.inHand {
		return nil, nil
	}
	it, err := s.entries(g)
	if err != nil {
		return nil, err
	}
	for _, l := range g.lanes {
		if l.count > l.inHand && len(got) < n && bytes > 0 && l.cursor.due <= now {
			got, err = s.takeLane(it, g, l, now, n, &bytes, got)
		}
		if err != nil {
			break
		}
	}
	if !g.queue {
		s.agenda.update(g)
	}
	return got, errors.Join(err, it.Close())
}

// takeLane moves the cursor over what it takes, and on to the next message that can be
// taken, so that the cursor tells when that is due.
func (s *Store) takeLane(it *pebble.Iterator, g *group, l *lane, now int64, n int, bytes *int64, got []*held) ([]*held, error) {
	cursor := end()
	for ok := it.SeekGE(entryKey(g.id, l.priority, l.cursor)); ok; ok = it.Next() {
		priority, at := splitEntryKey(it.Key())
		if priority != l.priority {
			break
		}
		if s.held[at.id] != nil || at.id >= s.durable {
			continue // not to be had; what is not on disk yet moves the cursor back itself
		}
		if len(got) == n || *bytes <= 0 || at.due > now {
			cursor = at
			break
		}
		e, err := parseEntry(it.Value())
		if err != nil {
			return got, err
		}
		*bytes -= int64(e.size)
		got = append(got, s.hold(g, l, at, e))
	}
	if err := it.Error(); err != nil {
		return got, err
	}
	l.cursor = cursor
	return got, nil
}

func (s *Store) hold(g *group, l *lane, at pos, e entry) *held {
	h := &held{entry: e, at: at, group: g, lane: l}
	if _, h.again = s.returned[at.id]; h.again {
		delete(s.returned, at.id)
	}
	s.held[at.id] = h
	l.hold(h)
	return h
}

// entries is an iterator over the index entries of a group.
func (s *Store) entries(g *group) (*pebble.Iterator, error) {
	return s.db.NewIter(&pebble.IterOptions{
		LowerBound: groupKey(keyEntry, g.id),
		UpperBound: groupKey(keyEntry, g.id+1),
	})
}

// back gives a message in hand back, unless it is on its way out.
func (s *Store) back(h *held) {
	h.lane.letGo(h)
	h.lane.inHand--
	h.group.inHand--
	h.lane.moveBack(h.at)
	delete(s.held, h.at.id)
	s.returned[h.at.id] = struct{}{}
}

// grab takes one message in hand that is known by its place in the order. Its entry
// is read from disk, so that a message which is gone or moved is not grabbed.
func (s *Store) grab(g *group, priority uint8, at pos) (*held, error) {
	if s.held[at.id] != nil || at.id >= s.durable {
		return nil, nil
	}
	v, closer, err := s.db.Get(entryKey(g.id, priority, at))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	e, err := parseEntry(v)
	if err = errors.Join(err, closer.Close()); err != nil {
		return nil, err
	}
	return s.hold(g, g.lane(priority), at, e), nil
}

// body reads and copies one body. Its message is in hand, so that nobody removes it.
func (s *Store) body(id uint64) ([]byte, error) {
	v, closer, err := s.db.Get(numberKey(keyBody, id))
	if err != nil {
		return nil, err
	}
	return slices.Clone(v), closer.Close()
}

// unreadable leaves a message in hand whose body cannot be read: it stays on disk and
// does not stand before the others until the next start.
func (s *Store) unreadable(h *held, err error) {
	s.meters.unreadable.Inc()
	s.log.Error("local queue: a message cannot be read and is left where it is",
		"id", h.at.id, "queue", h.group.name, "destination", h.group.place.Destination, "error", err)
}
