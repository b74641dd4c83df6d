package stats

// Point is what happened during one step. Known says that its gauges were sampled.
type Point struct {
	Counts
	Gauges
	Known bool
}

// ring is the last points of one step length, and the one that goes on. Step n holds the seconds from n*length on.
type ring struct {
	length int64 // of a step, seconds
	points []Point
	last   int64 // number of the newest step
}

func newRing(length int64, steps int) *ring {
	return &ring{length: length, points: make([]Point, steps+1)}
}

func (r *ring) size() int64 { return int64(len(r.points)) }

// point is that of a step that the ring holds, or (empty) of one before 1970.
func (r *ring) point(step int64) *Point { return &r.points[(step+r.size())%r.size()] }

// at is the point of a second. Those that were skipped are cleared. The past is over: a second that has gone by is the newest,
// unless the clock was set back by more than the ring knows.
func (r *ring) at(second int64) *Point {
	step, size := second/r.length, r.size()
	if step <= r.last-size {
		r.last = step - size
	}
	if step > r.last {
		for n := max(r.last+1, step-size+1); n <= step; n++ {
			*r.point(n) = Point{}
		}
		r.last = step
	}
	return r.point(r.last)
}

func (r *ring) holds(second int64) bool {
	step := second / r.length
	return step <= r.last && step > r.last-r.size()
}

// read lists the points up to a second, oldest first, and says which step the first of them is. Of the second before the newest they
// end with that: the newest goes on.
func (r *ring) read(second int64) (points []Point, first int64) {
	r.at(second)
	end := r.last
	if second/r.length == r.last-1 {
		end--
	}
	first = end - r.size() + 2
	points = make([]Point, 0, r.size()-1)
	for n := first; n <= end; n++ {
		points = append(points, *r.point(n))
	}
	return points, first
}

// The steps of a series: a minute by seconds, an hour by minutes, a day by ten minutes.
const (
	minuteStep, minuteSteps = 1, 60
	hourStep, hourSteps     = 60, 60
	dayStep, daySteps       = 600, 144
)

// series is what is known of one name: its last minute, and for few names the last hours.
type series struct {
	minute    *ring
	hour, day *ring // nil: only the last minute is kept
	moved     int64 // the last second that is in them
}

func newSeries() *series {
	return &series{minute: newRing(minuteStep, minuteSteps), hour: newRing(hourStep, hourSteps), day: newRing(dayStep, daySteps)}
}

func newShort() *series { return &series{minute: newRing(minuteStep, minuteSteps)} }

// at is where the events of a second are counted. Whole minutes go into the longer rings when they are over.
func (s *series) at(second int64) *Counts { return &s.advance(second).Counts }

// advance begins a second, and moves what the last ones have counted into the longer rings.
func (s *series) advance(second int64) *Point {
	if s.hour != nil && !s.minute.holds(second) {
		for n := max(s.moved+1, s.minute.last-minuteSteps); n <= s.minute.last; n++ {
			s.move(n)
		}
		s.moved = s.minute.last
	}
	p := s.minute.at(second)
	s.moved = min(s.moved, s.minute.last-1) // the clock may have been set back
	return p
}

func (s *series) move(second int64) {
	p := s.minute.point(second)
	for _, r := range [...]*ring{s.hour, s.day} {
		to := r.at(second)
		to.add(&p.Counts)
		if p.Known {
			to.Gauges, to.Known = p.Gauges, true
		}
	}
}

func (s *series) sample(second int64, g Gauges) {
	p := s.advance(second)
	p.Gauges, p.Known = g, true
}

// sum is what the last minute has counted.
func (s *series) sum(second int64) (c Counts) {
	s.advance(second)
	for n := s.minute.last - minuteSteps + 1; n <= s.minute.last; n++ {
		c.add(&s.minute.point(n).Counts)
	}
	return c
}

// of is the ring of a span; nil: it is not kept.
func (s *series) of(span Span) *ring {
	switch span {
	case Hour:
		return s.hour
	case Day:
		return s.day
	}
	return s.minute
}
