package template

import "strings"

// A name is what a template writes for a member. As it cannot write a dash, a name with underscores
// stands first of all for the one with dashes (personalization.md, section 2.1).
type name struct{ dashed, plain string }

func newName(s string) name { return name{strings.ReplaceAll(s, "_", "-"), s} }

type variableExpr struct {
	slot  int
	steps []step
}

type step struct {
	name  name
	index expr // nil: by name
}

func (e *variableExpr) eval(s *state) (Value, error) {
	v, err := s.variable(e.slot)
	if err != nil {
		return v, err
	}
	for _, st := range e.steps {
		if st.index == nil {
			v, err = s.member(v, st.name)
		} else {
			v, err = s.indexed(v, st.index)
		}
		if err != nil {
			return v, err
		}
	}
	return v, nil
}

// variable remembers what it found, so that the data are searched for each variable once.
func (s *state) variable(slot int) (Value, error) {
	if v := s.slots[slot]; v.kind != unset {
		return v, nil
	}
	for _, scope := range s.env.Vars {
		v, err := s.member(scope, s.t.names[slot])
		if err != nil || v.kind != unset {
			s.slots[slot] = v
			return v, err
		}
	}
	return Value{}, nil
}

func (s *state) member(v Value, n name) (Value, error) {
	switch v.kind {
	case object:
		found, err := s.byKey(v, n.dashed)
		if err != nil || found.kind != unset || n.plain == n.dashed {
			return found, err
		}
		return s.byKey(v, n.plain)
	case list:
		if i, ok := parseNumber(n.plain); ok && i.kind == integer {
			return s.byPosition(v, i.int())
		}
	}
	return Value{}, nil
}

// indexed is v[index]: a number is a position, also in an object; a text is a key as it is written,
// since a computed key can hold any dash it needs.
func (s *state) indexed(v Value, index expr) (Value, error) {
	k, err := index.eval(s)
	if err == nil {
		err = s.spend(30 + k.weight())
	}
	if err != nil || v.isScalar() {
		return Value{}, err
	}
	if k.kind == text && v.kind == object {
		return s.byKey(v, k.text())
	}
	n, ok := k.number()
	if i, fits := n.toInt(); ok && fits && n.toFloat() == float64(i) {
		return s.byPosition(v, i)
	}
	return Value{}, nil
}

func (s *state) byKey(v Value, key string) (Value, error) {
	if v.tree != nil {
		for _, m := range v.tree.members {
			if m.Name == key {
				return m.Value, nil
			}
		}
		return Value{}, nil
	}
	items, err := s.index(v.raw)
	if err != nil {
		return Value{}, err
	}
	for i := len(items) - 1; i >= 0; i-- { // backwards: the last one counts
		if string(items[i].key) == key {
			return s.value(items[i].val)
		}
	}
	return Value{}, nil
}

func (s *state) byPosition(v Value, i int64) (Value, error) {
	if v.tree != nil {
		return v.tree.at(i), nil
	}
	items, err := s.index(v.raw)
	if err != nil || i < 0 || i >= int64(len(items)) {
		return Value{}, err
	}
	return s.value(items[i].val)
}

// value is [JSON], with the look at a text charged.
func (s *state) value(raw []byte) (Value, error) {
	v := JSON(raw)
	if v.kind == text {
		return v, s.spend(10 + 4*len(raw))
	}
	return v, nil
}

func (t *tree) at(i int64) Value {
	switch {
	case i < 0:
	case i < int64(len(t.values)):
		return t.values[i]
	case i < int64(len(t.members)):
		return t.members[i].Value
	}
	return Value{}
}

// An item is one member or element of an indexed container; its key is decoded.
type item struct{ key, val []byte }

// indexes remembers where the members of the JSON containers that were asked last lie, so that a
// container is scanned once however many members of it are printed.
type indexes [4]struct {
	raw   []byte
	items []item
}

func (x *indexes) reset() {
	for i := range x {
		x[i].raw = nil
		if cap(x[i].items) > 256 {
			x[i].items = nil
			continue
		}
		clear(x[i].items[:cap(x[i].items)]) // a larger container may have left something behind its end
		x[i].items = x[i].items[:0]
	}
}

// index returns the items of a container. The room for a new one comes from the smallest known, so
// that the small objects of a loop do not push out a large one.
func (s *state) index(raw []byte) ([]item, error) {
	smallest := 0
	for i := range s.seen {
		x := &s.seen[i]
		if len(x.raw) == len(raw) && len(raw) > 0 && &x.raw[0] == &raw[0] {
			return x.items, s.spend(10 + 2*len(x.items))
		}
		if len(x.raw) < len(s.seen[smallest].raw) {
			smallest = i
		}
	}
	x := &s.seen[smallest]
	x.raw, x.items = raw, x.items[:0]
	for c := (cursor{raw: raw}); c.next(); {
		if !isPlain(c.key) {
			c.key = []byte(decodeString(c.key))
		}
		x.items = append(x.items, item{c.key, c.val})
	}
	return x.items, s.spend(50 + len(raw) + 10*len(x.items))
}
