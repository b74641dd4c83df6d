package localqueue

import "container/heap"

// agenda knows which places have something due, and when the next one will, at a cost
// that grows with the places concerned and not with their messages.
type agenda struct {
	now    int64 // the latest moment that was asked about
	due    []*group
	future futureHeap
	turn   int   // where Due begins, so that all get their turn
	armed  int64 // what NextDue said last
}

// agendaSlot is where a group stands in the agenda.
type agendaSlot struct {
	where uint8
	index int
	next  int64 // its next due time as the agenda knows it
}

const (
	slotNone = iota
	slotDue
	slotFuture
)

// update files g anew. It says whether somebody who sleeps until what NextDue said
// should look again.
func (a *agenda) update(g *group) (sooner bool) {
	next, ok := g.next()
	switch {
	case !ok:
		a.remove(g)
		return false
	case next <= a.now:
		if g.slot.where == slotDue {
			g.slot.next = next
			return false
		}
		a.remove(g)
		g.slot = agendaSlot{where: slotDue, index: len(a.due), next: next}
		a.due = append(a.due, g)
		return true
	case g.slot.where == slotFuture:
		g.slot.next = next
		heap.Fix(&a.future, g.slot.index)
	default:
		a.remove(g)
		g.slot = agendaSlot{where: slotFuture, next: next}
		heap.Push(&a.future, g)
	}
	return next < a.armed
}

func (a *agenda) remove(g *group) {
	switch g.slot.where {
	case slotDue:
		last := len(a.due) - 1
		a.due[g.slot.index] = a.due[last]
		a.due[g.slot.index].slot.index = g.slot.index
		a.due[last] = nil
		a.due = a.due[:last]
	case slotFuture:
		heap.Remove(&a.future, g.slot.index)
	}
	g.slot = agendaSlot{}
}

// turnTo moves the places whose time has come to the list of those due. A clock that
// was set back takes them off it again.
func (a *agenda) turnTo(now int64) {
	if now < a.now {
		a.now = now
		for i := len(a.due) - 1; i >= 0; i-- {
			if g := a.due[i]; g.slot.next > now {
				a.update(g)
			}
		}
		return
	}
	a.now = now
	for len(a.future) > 0 && a.future[0].slot.next <= now {
		a.update(a.future[0])
	}
}

// futureHeap has the place with the earliest due time on top.
type futureHeap []*group

func (h futureHeap) Len() int           { return len(h) }
func (h futureHeap) Less(i, j int) bool { return h[i].slot.next < h[j].slot.next }

func (h futureHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].slot.index, h[j].slot.index = i, j
}

func (h *futureHeap) Push(x any) {
	g := x.(*group)
	g.slot.index = len(*h)
	*h = append(*h, g)
}

func (h *futureHeap) Pop() any {
	last := len(*h) - 1
	g := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return g
}
