package localqueue

import (
	"encoding/binary"
	"slices"
)

// group is a named queue or a place: what is known in memory of many messages.
type group struct {
	id    uint32
	queue bool
	name  string // of a queue
	place Place  // of a place
	since int64  // not empty since

	lanes  []*lane // highest priority first
	count  int     // messages stored, or being stored
	inHand int     // of these, taken and not being removed
	bytes  int64   // of bodies

	stored bool          // the name is on disk
	ready  chan struct{} // of a queue that somebody listens to
	slot   agendaSlot    // of a place

	touched bool // by the commit that is being built
	fed     bool // that commit puts something
}

// lane is the part of a group that has one priority. Every message that can be taken
// lies at the cursor or behind it.
type lane struct {
	priority uint8
	count    int
	inHand   int
	cursor   pos
	held     []*held // in order
	pending  pos     // first position that the commit in hand puts; else end
}

// held is a message in hand.
type held struct {
	entry
	at      pos
	group   *group
	lane    *lane
	again   bool // was given back before
	leaving bool // the commit in hand, or one that is being checked, removes it
}

func (g *group) lane(priority uint8) *lane {
	i, found := slices.BinarySearchFunc(g.lanes, priority, func(l *lane, p uint8) int {
		return int(p) - int(l.priority)
	})
	if !found {
		g.lanes = slices.Insert(g.lanes, i, &lane{priority: priority, cursor: end(), pending: end()})
	}
	return g.lanes[i]
}

// next is the earliest due time of what can be taken.
func (g *group) next() (due int64, ok bool) {
	due = endOfTime
	for _, l := range g.lanes {
		if l.count > l.inHand && l.cursor != end() {
			due, ok = min(due, l.cursor.due), true
		}
	}
	return due, ok
}

// announce tells the listeners of a queue that something can be taken.
func (g *group) announce() {
	if g.fed && g.ready != nil {
		signal(g.ready)
	}
}

// low is the low-water mark: nothing stored lies before it, and it never passes a
// message in hand.
func (l *lane) low() pos {
	low := l.cursor
	if l.pending.before(low) {
		low = l.pending
	}
	for _, h := range l.held {
		if h.leaving {
			continue
		}
		if h.at.before(low) {
			low = h.at
		}
		break
	}
	return low
}

func (l *lane) hold(h *held) {
	if n := len(l.held); n == 0 || l.held[n-1].at.before(h.at) {
		l.held = append(l.held, h) // as a scan finds them
	} else {
		l.held = slices.Insert(l.held, l.find(h.at), h)
	}
	l.inHand++
	h.group.inHand++
}

// letGo takes h off the list of what is in hand; the numbers are the caller's.
func (l *lane) letGo(h *held) {
	if i := l.find(h.at); i < len(l.held) && l.held[i] == h {
		l.held = slices.Delete(l.held, i, i+1)
	}
}

func (l *lane) find(at pos) int {
	i, _ := slices.BinarySearchFunc(l.held, at, func(h *held, at pos) int {
		switch {
		case h.at == at:
			return 0
		case h.at.before(at):
			return -1
		}
		return 1
	})
	return i
}

func (l *lane) moveBack(to pos) {
	if to.before(l.cursor) {
		l.cursor = to
	}
}

// appendName writes the record that is stored once.
func (g *group) appendName(v []byte) []byte {
	if g.queue {
		return appendString(append(v, 'q'), g.name)
	}
	v = appendString(append(v, 'p'), g.place.Destination)
	v = appendString(v, g.place.Sources)
	v = appendString(v, g.place.Hold)
	return binary.AppendVarint(v, g.since)
}

func parseGroup(id uint32, v []byte) (*group, error) {
	r := reader{rest: v}
	g := &group{id: id, stored: true}
	switch r.byte() {
	case 'q':
		g.queue, g.name = true, r.string()
	case 'p':
		g.place = Place{Destination: r.string(), Sources: r.string(), Hold: r.string()}
		g.since = r.varint()
	default:
		return nil, errCorrupt
	}
	if r.bad {
		return nil, errCorrupt
	}
	return g, nil
}

// appendCounters writes the record that changes with every commit: bytes, then each
// lane that holds something with its count and low-water mark.
func (g *group) appendCounters(v []byte) []byte {
	v = binary.AppendVarint(v, g.bytes)
	for _, l := range g.lanes {
		if l.count == 0 {
			continue
		}
		low := l.low()
		v = append(v, l.priority)
		v = binary.AppendUvarint(v, uint64(l.count))
		v = binary.AppendVarint(v, low.due)
		v = binary.AppendUvarint(v, low.id)
	}
	return v
}

func (g *group) parseCounters(v []byte) error {
	r := reader{rest: v}
	g.bytes = r.varint()
	for len(r.rest) > 0 {
		l := g.lane(r.byte())
		l.count = int(r.uvarint())
		l.cursor = pos{due: r.varint(), id: r.uvarint()}
		g.count += l.count
	}
	if r.bad {
		return errCorrupt
	}
	return nil
}
