package localqueue

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"
)

// walk shows what a group held when the walk began, those in hand too and without
// taking them, until fn says false. What was not on disk then is left out.
func (s *Store) walk(g *group, fn func(*held) (bool, error)) error {
	if g == nil {
		return nil
	}
	s.mu.Lock()
	starts, durable := g.starts(), s.durable
	it, err := s.entries(g)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return walkAll(it, starts, durable, fn)
}

// walkAll walks one lane after the other and closes the iterator.
func walkAll(it *pebble.Iterator, starts []start, durable uint64, fn func(*held) (bool, error)) (err error) {
	more := true
	for i := 0; i < len(starts) && more && err == nil; i++ {
		more, err = starts[i].walk(it, durable, fn)
	}
	return errors.Join(err, it.Error(), it.Close())
}

// start is where a walk enters a lane.
type start struct {
	group *group
	lane  *lane
	low   pos
}

func (g *group) starts() (list []start) {
	for _, l := range g.lanes {
		if l.count > 0 {
			list = append(list, start{g, l, l.low()})
		}
	}
	return list
}

func (f start) walk(it *pebble.Iterator, durable uint64, fn func(*held) (bool, error)) (more bool, err error) {
	for ok := it.SeekGE(entryKey(f.group.id, f.lane.priority, f.low)); ok; ok = it.Next() {
		priority, at := splitEntryKey(it.Key())
		if priority != f.lane.priority {
			break
		}
		if at.id >= durable {
			continue
		}
		e, err := parseEntry(it.Value())
		if err != nil {
			return false, err
		}
		more, err := fn(&held{entry: e, at: at, group: f.group, lane: f.lane})
		if err != nil || !more {
			return false, err
		}
	}
	return true, nil
}
