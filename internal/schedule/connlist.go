package schedule

// connTable finds connections by id: a place in a slice and how often that place has been used before.
type connTable struct {
	slots []slot
	free  []uint32
	n     int
}

type slot struct {
	conn *conn
	used uint32
}

func (t *connTable) add(c *conn) {
	if len(t.free) == 0 {
		t.free = append(t.free, uint32(len(t.slots)))
		t.slots = append(t.slots, slot{})
	}
	i := t.free[len(t.free)-1]
	t.free = t.free[:len(t.free)-1]
	s := &t.slots[i]
	s.conn, s.used = c, s.used+1
	c.id = ConnID(uint64(s.used)<<32 | uint64(i))
	t.n++
}

func (t *connTable) get(id ConnID) *conn {
	i := uint32(id)
	if int(i) >= len(t.slots) || t.slots[i].used != uint32(id>>32) {
		return nil
	}
	return t.slots[i].conn
}

func (t *connTable) remove(c *conn) {
	i := uint32(c.id)
	t.slots[i].conn = nil
	t.free = append(t.free, i)
	t.n--
}

// An idle connection stands in three lists.
const (
	byPlan = iota
	byLane
	byDock
)

type links struct{ prev, next *conn }

// connList links idle connections, longest idle first.
type connList struct {
	first, last *conn
	n           int
	by          int // which links of a connection are those of this list
}

func (l *connList) add(c *conn) {
	c.links[l.by] = links{prev: l.last}
	if l.last == nil {
		l.first = c
	} else {
		l.last.links[l.by].next = c
	}
	l.last = c
	l.n++
}

func (l *connList) remove(c *conn) {
	k := &c.links[l.by]
	if k.prev == nil {
		l.first = k.next
	} else {
		k.prev.links[l.by].next = k.next
	}
	if k.next == nil {
		l.last = k.prev
	} else {
		k.next.links[l.by].prev = k.prev
	}
	*k = links{}
	l.n--
}
