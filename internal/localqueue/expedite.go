package localqueue

import (
	"context"
	"time"
)

// bulk is how many messages one batch of a long operation changes.
const bulk = 1000

// Expedite makes everything of a destination that is not in hand due at now. It
// rewrites index entries in batches of a thousand; progress (may be nil) hears how
// many were done so far.
func (s *Store) Expedite(ctx context.Context, destination string, now time.Time, progress func(done int)) (int, error) {
	done := 0
	for _, p := range s.PlacesOf(destination) {
		x := expediter{s: s, place: p.Place, now: now, from: make(map[uint8]pos)}
		for {
			n, err := x.some(ctx)
			if done += n; err != nil {
				return done, err
			}
			if n == 0 {
				break
			}
			if progress != nil {
				progress(done)
			}
		}
	}
	return done, nil
}

// expediter works through one place.
type expediter struct {
	s     *Store
	place Place
	now   time.Time
	from  map[uint8]pos // of each lane: all before is done
}

// some takes messages that are not due yet in hand and puts them back as due at now.
func (x *expediter) some(ctx context.Context) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	got, err := x.take()
	if err != nil || len(got) == 0 {
		return 0, err
	}
	b := new(Batch)
	for _, h := range got {
		w := h.waiting()
		w.Due = x.now
		if w.Outcome, err = x.s.outcomeOf(h); err != nil {
			break
		}
		b.Reschedule(w.ID, w)
	}
	if err == nil {
		err = x.s.Do(context.WithoutCancel(ctx), b) // not known how it ended is no way to go on
	}
	if err != nil {
		for _, h := range got {
			x.s.BackWaiting(h.at.id)
		}
		return 0, err
	}
	return len(got), nil
}

func (x *expediter) take() (got []*held, err error) {
	s := x.s
	if !s.use() {
		return nil, ErrClosed
	}
	defer s.life.leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.places[x.place]
	if g == nil {
		return nil, nil
	}
	it, err := s.entries(g)
	if err != nil {
		return nil, err
	}
	err = walkAll(it, x.starts(g), s.durable, func(h *held) (bool, error) {
		x.from[h.lane.priority] = h.at.next()
		if s.held[h.at.id] == nil {
			got = append(got, s.hold(g, h.lane, h.at, h.entry))
		}
		return len(got) < bulk, nil
	})
	s.agenda.update(g)
	return got, err
}

func (x *expediter) starts(g *group) []start {
	list := g.starts()
	for i := range list {
		later := pos{due: nanos(x.now)}.after()
		if from := x.from[list[i].lane.priority]; later.before(from) {
			later = from
		}
		if list[i].low.before(later) {
			list[i].low = later
		}
	}
	return list
}
