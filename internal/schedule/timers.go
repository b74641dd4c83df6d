package schedule

// timer belongs to one object of the plan. Timers are lazy: what fires looks whether it is really time and arms itself
// anew, so that putting something off costs nothing.
type timer struct {
	at    int64
	index int // in the heap, plus one; 0 = not armed
	owner timed
}

type timed interface {
	// due is called when the time has come; the timer is no longer armed.
	due(p *Plan, at int64)
}

// timers is a binary heap, earliest first.
type timers struct {
	heap []*timer
}

func (h *timers) next() int64 {
	if len(h.heap) == 0 {
		return never
	}
	return h.heap[0].at
}

// arm makes t fire at that time, or leaves it if it fires earlier anyway.
func (h *timers) arm(t *timer, owner timed, at int64) {
	if t.index == 0 {
		t.at, t.owner = at, owner
		h.heap = append(h.heap, t)
		t.index = len(h.heap)
		h.up(t.index - 1)
	} else if at < t.at {
		t.at = at
		h.up(t.index - 1)
	}
}

func (h *timers) disarm(t *timer) {
	if t.index == 0 {
		return
	}
	i, last := t.index-1, len(h.heap)-1
	h.swap(i, last)
	h.heap[last] = nil
	h.heap = h.heap[:last]
	t.index = 0
	if i < last {
		h.down(i)
		h.up(i)
	}
}

func (h *timers) swap(i, j int) {
	h.heap[i], h.heap[j] = h.heap[j], h.heap[i]
	h.heap[i].index, h.heap[j].index = i+1, j+1
}

func (h *timers) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if h.heap[parent].at <= h.heap[i].at {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h *timers) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h.heap) {
			return
		}
		if child+1 < len(h.heap) && h.heap[child+1].at < h.heap[child].at {
			child++
		}
		if h.heap[i].at <= h.heap[child].at {
			return
		}
		h.swap(i, child)
		i = child
	}
}

// fire lets all whose time has come do their work.
func (p *Plan) fire(at int64) {
	for p.timers.next() <= at {
		t := p.timers.heap[0]
		p.timers.disarm(t)
		t.owner.due(p, at)
	}
}
