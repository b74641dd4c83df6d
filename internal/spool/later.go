package spool

import (
	"container/heap"
	"time"
)

// maxLater bounds the names that wait for a moment. The next scan finds those that were left out.
const maxLater = 10_000

// later holds tasks until their moment.
type later struct {
	heap  moments
	names map[string]*moment
}

type moment struct {
	at    time.Time
	task  task
	index int
}

// add lets a task wait; false: there is no room. Of two moments for a name the new one counts, but a file that was refused does
// not get its turn sooner.
func (l *later) add(t task, at time.Time) bool {
	if l.names == nil {
		l.names = map[string]*moment{}
	}
	if m := l.names[t.name]; m != nil {
		if m.task.tries > 0 && at.Before(m.at) {
			return true
		}
		t.tries = max(t.tries, m.task.tries)
		m.at, m.task = at, t
		heap.Fix(&l.heap, m.index)
		return true
	}
	if len(l.heap) >= maxLater {
		return false
	}
	m := &moment{at: at, task: t}
	heap.Push(&l.heap, m)
	l.names[t.name] = m
	return true
}

func (l *later) has(name string) bool { return l.names[name] != nil }

// next is when the first moment comes; ok is false when nothing waits.
func (l *later) next() (at time.Time, ok bool) {
	if len(l.heap) == 0 {
		return time.Time{}, false
	}
	return l.heap[0].at, true
}

// pop takes the first task if its moment has come.
func (l *later) pop(now time.Time) (task, bool) {
	if at, ok := l.next(); !ok || at.After(now) {
		return task{}, false
	}
	m := heap.Pop(&l.heap).(*moment)
	delete(l.names, m.task.name)
	return m.task, true
}

type moments []*moment

func (h moments) Len() int           { return len(h) }
func (h moments) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h moments) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *moments) Push(x any) {
	m := x.(*moment)
	m.index = len(*h)
	*h = append(*h, m)
}

func (h *moments) Pop() any {
	old := *h
	m := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return m
}
