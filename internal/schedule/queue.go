package schedule

// entry is an item in the plan, from Add to its end.
type entry struct {
	item       Item
	seq        uint64 // order of arrival; kept when it goes back, so that it is in front again
	site       *site
	stream     *stream // nil while the site is not resolved
	conn       *conn   // the connection that has it in hand
	added      int64
	taken      int64
	turn       uint64 // number of that take in the lane
	remoteTurn uint64 // and among those to the remote address
	prev, next *entry
}

// queue holds waiting entries, first in first out within a priority.
type queue struct {
	n      int
	levels []level // highest priority first; there are few
}

type level struct {
	priority    uint8
	first, last *entry
}

func (q *queue) level(priority uint8) *level {
	i := 0
	for i < len(q.levels) && q.levels[i].priority > priority {
		i++
	}
	if i == len(q.levels) || q.levels[i].priority != priority {
		q.levels = append(q.levels, level{})
		copy(q.levels[i+1:], q.levels[i:])
		q.levels[i] = level{priority: priority}
	}
	return &q.levels[i]
}

// push puts e at its place by seq, which is the end, except for what comes back: that is near the front.
func (q *queue) push(e *entry) {
	l := q.level(e.item.Priority)
	q.n++
	after := l.last
	if after != nil && after.seq > e.seq {
		if l.first.seq > e.seq {
			after = nil
		} else {
			for after = l.first; after.next.seq < e.seq; after = after.next {
			}
		}
	}
	e.prev = after
	if after == nil {
		e.next, l.first = l.first, e
	} else {
		e.next, after.next = after.next, e
	}
	if e.next == nil {
		l.last = e
	} else {
		e.next.prev = e
	}
}

func (q *queue) remove(e *entry) {
	l := q.level(e.item.Priority)
	q.n--
	if e.prev == nil {
		l.first = e.next
	} else {
		e.prev.next = e.next
	}
	if e.next == nil {
		l.last = e.prev
	} else {
		e.next.prev = e.prev
	}
	e.prev, e.next = nil, nil
}

// first is the one to go next.
func (q *queue) first() *entry {
	for i := range q.levels {
		if e := q.levels[i].first; e != nil {
			return e
		}
	}
	return nil
}

// last is the one whose turn is farthest.
func (q *queue) last() *entry {
	for i := len(q.levels) - 1; i >= 0; i-- {
		if e := q.levels[i].last; e != nil {
			return e
		}
	}
	return nil
}

// before says that e goes before f.
func (e *entry) before(f *entry) bool {
	if e.item.Priority != f.item.Priority {
		return e.item.Priority > f.item.Priority
	}
	return e.seq < f.seq
}

// fifo is a queue of anything, that gives its memory back.
type fifo[T any] struct {
	items []T
	head  int
}

// fifoKeeps is how much an empty fifo keeps room for.
const fifoKeeps = 1024

func (f *fifo[T]) len() int { return len(f.items) - f.head }

func (f *fifo[T]) push(v T) { f.items = append(f.items, v) }

func (f *fifo[T]) pop() T {
	var zero T
	v := f.items[f.head]
	f.items[f.head] = zero
	f.head++
	switch {
	case f.head == len(f.items) && cap(f.items) > fifoKeeps:
		f.items, f.head = nil, 0
	case f.head == len(f.items):
		f.items, f.head = f.items[:0], 0
	case f.head >= 64 && f.head*2 >= len(f.items):
		f.items, f.head = append(f.items[:0], f.items[f.head:]...), 0
	}
	return v
}
