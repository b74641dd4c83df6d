package localqueue

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// Trim drops the oldest messages, not those in hand, of the queues for which cut is
// true: all that were published before now-keepAge, then as many as it takes for
// these queues together to hold no more than keepBytes. Zero means no limit. cut must
// not call the store.
func (s *Store) Trim(ctx context.Context, now time.Time, keepAge time.Duration, keepBytes int64, cut func(queue string) bool) (dropped int, err error) {
	t := trimmer{s: s, bytes: keepBytes, cut: cut}
	if keepAge > 0 {
		t.edge = nanos(now.Add(-keepAge))
	}
	for {
		n, err := t.some(ctx)
		if dropped += n; n == 0 || err != nil {
			return dropped, err
		}
	}
}

type trimmer struct {
	s     *Store
	edge  int64 // what was published before goes
	bytes int64
	cut   func(string) bool
}

func (t *trimmer) some(ctx context.Context) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	got, err := t.take()
	if err != nil || len(got) == 0 {
		return 0, err
	}
	b := new(Batch)
	for _, h := range got {
		b.Ack(h.group.name, h.at.id)
	}
	if err := t.s.Do(context.WithoutCancel(ctx), b); err != nil {
		for _, h := range got {
			t.s.Back(h.group.name, h.at.id)
		}
		return 0, err
	}
	return len(got), nil
}

// take takes up to a bulk of what must go in hand, the oldest of all queues first.
func (t *trimmer) take() (got []*held, err error) {
	s := t.s
	if !s.use() {
		return nil, ErrClosed
	}
	defer s.life.leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	old, bytes, err := t.oldest()
	if err != nil {
		return nil, err
	}
	for _, h := range old {
		fits := t.bytes <= 0 || bytes <= t.bytes
		if len(got) == bulk || fits && h.stamp >= t.edge {
			break
		}
		got = append(got, s.hold(h.group, h.lane, h.at, h.entry))
		if !h.at.before(h.lane.cursor) {
			h.lane.cursor = h.at.next() // all between is in hand
		}
		bytes -= int64(h.size)
	}
	return got, nil
}

// oldest lists the first messages of each lane that are not in hand, in the order of
// publishing, and says how much all the queues hold.
func (t *trimmer) oldest() (old []*held, bytes int64, err error) {
	s := t.s
	for name, g := range s.queues {
		if !t.cut(name) {
			continue
		}
		bytes += g.bytes
		it, err := s.entries(g)
		if err != nil {
			return nil, 0, err
		}
		for _, f := range g.starts() {
			n := 0
			_, err = f.walk(it, s.durable, func(h *held) (bool, error) {
				if s.held[h.at.id] == nil {
					old = append(old, h)
					n++
				}
				return n < bulk, nil
			})
			if err != nil {
				break
			}
		}
		if err = cmp.Or(err, it.Error(), it.Close()); err != nil {
			return nil, 0, err
		}
	}
	slices.SortFunc(old, func(a, b *held) int { return cmp.Compare(a.at.due, b.at.due) })
	return old, bytes, nil
}
