package localqueue

import (
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// deadlineMark is the low-water mark of the deadline index: nothing lies before it, so
// that a look for expired messages need not wade through those that left in time.
type deadlineMark struct {
	mark    pos
	pending pos   // first deadline that the commit in hand puts; else end
	written int64 // as it is on disk; never later than a deadline stored there
}

// markStep is how far the mark moves before it is worth writing.
const markStep = int64(time.Minute)

func (d *deadlineMark) put(at pos) {
	if at.before(d.pending) {
		d.pending = at
	}
}

// write says what a commit has to store, if anything.
func (d *deadlineMark) write() (mark int64, ok bool) {
	low := min(d.mark.due, d.pending.due)
	if low >= d.written && low-d.written < markStep {
		return 0, false
	}
	d.written = low
	return low, true
}

func (d *deadlineMark) show() {
	if d.pending.before(d.mark) {
		d.mark = d.pending
	}
	d.pending = end()
}

// Expired takes in hand up to n waiting messages whose deadline is at or before now,
// the earliest first, and appends them to dst. The message with which their bodies reach
// so many bytes is the last.
func (s *Store) Expired(now time.Time, n int, bytes int64, dst []Waiting) []Waiting {
	if !s.use() {
		return dst
	}
	defer s.life.leave()
	s.mu.Lock()
	got, err := s.takeExpired(nanos(now), n, bytes)
	s.mu.Unlock()
	s.report("looking for expired messages", err)
	return s.waitings(got, dst)
}

// takeExpired scans from the mark and moves it to the first message that is there.
func (s *Store) takeExpired(now int64, n int, bytes int64) (got []*held, err error) {
	after := pos{due: now}.after()
	if !s.dead.mark.before(after) || s.shut[""] > 0 {
		return nil, nil
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: deadlineKey(s.dead.mark), UpperBound: deadlineKey(after)})
	if err != nil {
		return nil, err
	}
	mark := after
	for ok := it.First(); ok && len(got) < n && bytes > 0 && err == nil; ok = it.Next() {
		at := splitDeadlineKey(it.Key())
		if at.before(mark) {
			mark = at
		}
		var h *held
		if h, err = s.takeOneExpired(at.id, it.Value()); h != nil {
			got = append(got, h)
			bytes -= int64(h.size)
		}
	}
	if err = errors.Join(err, it.Error(), it.Close()); err == nil && n > 0 {
		s.dead.mark = mark
	}
	return got, err
}

func (s *Store) takeOneExpired(id uint64, value []byte) (*held, error) {
	where, _, err := parseLocation(value)
	if err != nil {
		return nil, err
	}
	if g := s.groups[where.group]; g != nil && s.isShut(g.place) {
		return nil, nil
	}
	return s.grabAt(where, id)
}

// after is the first position of the next moment.
func (p pos) after() pos {
	if p.due == endOfTime {
		return end()
	}
	return pos{due: p.due + 1}
}
