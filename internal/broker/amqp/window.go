package amqp

// window holds what was published on a channel and is not settled, in the order of publishing, with holes where the broker
// confirmed out of order.
type window struct {
	slots []*entry // ring; the length is a power of two
	first uint64   // the lowest that may be open
	next  uint64   // where the next goes
	open  int
}

func (w *window) at(i uint64) **entry { return &w.slots[i&uint64(len(w.slots)-1)] }

func (w *window) add(e *entry) {
	if w.next-w.first == uint64(len(w.slots)) {
		w.grow()
	}
	*w.at(w.next) = e
	w.next++
	w.open++
}

func (w *window) grow() {
	old := *w
	w.slots = make([]*entry, max(64, 2*len(old.slots)))
	for i := old.first; i < old.next; i++ {
		*w.at(i) = *old.at(i)
	}
}

// drop makes a hole.
func (w *window) drop(i uint64) {
	*w.at(i) = nil
	w.open--
	for w.first < w.next && *w.at(w.first) == nil {
		w.first++
	}
}

// head is the oldest that is open; nil: none.
func (w *window) head() *entry {
	if w.first == w.next {
		return nil
	}
	return *w.at(w.first)
}

// clear empties the window and returns what was open, in order.
func (w *window) clear() []*entry {
	var all []*entry
	for i := w.first; i < w.next; i++ {
		if e := *w.at(i); e != nil {
			all = append(all, e)
			*w.at(i) = nil
		}
	}
	w.first, w.next, w.open = 0, 0, 0
	return all
}
