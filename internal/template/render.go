package template

// A state is one rendering.
type state struct {
	t     *Template
	env   *Env
	out   []byte
	max   int // length of out that is too much
	at    int // where in the source we are, for errors
	steps int
	work  int
	spent int     // what work was at the begin: more than nothing if there is less than usual to spend
	slots []Value // variables that were set or looked up
	seen  indexes
	res   map[string]*pattern // of expressions that came out of values
}

func (t *Template) begin(dst []byte, env *Env) *state {
	s, _ := t.pool.Get().(*state)
	if s == nil {
		s = &state{t: t, slots: make([]Value, len(t.names))}
	}
	limit := maxOutput
	if env.MaxOutput > 0 {
		limit = env.MaxOutput
	}
	s.env, s.out, s.max = env, dst, len(dst)+limit
	if env.Work != nil {
		s.spent = maxWork - max(0, min(*env.Work, maxWork))
		s.work = s.spent
	}
	return s
}

// end gives the state back without anything of this rendering in it and returns the output.
func (s *state) end() []byte {
	out, t := s.out, s.t
	if s.env.Work != nil {
		*s.env.Work -= s.work - s.spent
	}
	clear(s.slots)
	s.seen.reset()
	*s = state{t: t, slots: s.slots, seen: s.seen}
	t.pool.Put(s)
	return out
}

func (s *state) fail(at int, text string) error { return newError(Runtime, s.t.src, at, text) }

// spend charges work, a unit of which takes about a nanosecond.
func (s *state) spend(units int) error {
	if units < 0 || units > maxWork-s.work {
		s.work = maxWork
		return s.fail(s.at, "template takes too long")
	}
	s.work += units
	return nil
}

func (s *state) run(nodes []node) error {
	for _, n := range nodes {
		if err := n.run(s); err != nil {
			return err
		}
	}
	return nil
}

func (s *state) checkOutput() error {
	if len(s.out) > s.max {
		return s.fail(s.at, "output is too long")
	}
	return s.spend(30)
}

// A node is a part of a template that is run for its output.
type node interface{ run(*state) error }

type textNode string

func (n textNode) run(s *state) error {
	if len(n) > s.max-len(s.out) {
		return s.fail(s.at, "output is too long")
	}
	s.out = append(s.out, n...)
	return s.spend(10 + len(n)/8)
}

type printNode struct {
	at    int
	value expr
}

func (n *printNode) run(s *state) error {
	s.at = n.at
	v, err := n.value.eval(s)
	if err != nil {
		return err
	}
	from := len(s.out)
	if s.t.mode == modeRaw || v.exempt {
		s.out = v.appendTo(s.out)
	} else {
		s.out = s.t.mode.append(s.out, v.text())
	}
	if s.env.Printed != nil {
		s.out = s.env.Printed(s.out, from)
	}
	return s.checkOutput()
}

type assignNode struct {
	at    int
	slot  int
	value expr
}

func (n *assignNode) run(s *state) error {
	s.at = n.at
	v, err := n.value.eval(s)
	if err != nil {
		return err
	}
	s.set(n.slot, v)
	return s.spend(30)
}

// set gives a variable a value, which hides what the data hold under its name.
func (s *state) set(slot int, v Value) {
	if v.kind == unset {
		v.kind = null
	}
	s.slots[slot] = v
}

type ifNode struct {
	branches  []branch
	otherwise []node
}

type branch struct {
	at   int
	cond expr
	body []node
}

func (n *ifNode) run(s *state) error {
	for _, b := range n.branches {
		s.at = b.at
		v, err := b.cond.eval(s)
		if err != nil {
			return err
		}
		if err := s.spend(30); err != nil {
			return err
		}
		if v.truth() {
			return s.run(b.body)
		}
	}
	return s.run(n.otherwise)
}

type foreachNode struct {
	at         int
	list       expr
	key, value int // slots; key is -1 if it is not asked for
	body       []node
	otherwise  []node
}

func (n *foreachNode) run(s *state) error {
	s.at = n.at
	v, err := n.list.eval(s)
	if err != nil {
		return err
	}
	if v.isScalar() || v.isEmptyContainer() {
		return s.run(n.otherwise)
	}
	if v.tree != nil {
		return n.overTree(s, v.tree)
	}
	return n.overJSON(s, v.raw)
}

func (n *foreachNode) overTree(s *state, t *tree) error {
	for i, v := range t.values {
		if err := n.step(s, Int(int64(i)), v); err != nil {
			return err
		}
	}
	for _, m := range t.members {
		if err := n.step(s, String(m.Name), m.Value); err != nil {
			return err
		}
	}
	return nil
}

func (n *foreachNode) overJSON(s *state, raw []byte) error {
	c := cursor{raw: raw}
	for i := int64(0); c.next(); i++ {
		key := Int(i)
		if n.key >= 0 && c.key != nil {
			key = String(decodeString(c.key))
		}
		if err := n.step(s, key, JSON(c.val)); err != nil {
			return err
		}
		if err := s.spend(4 * (len(c.key) + len(c.val))); err != nil {
			return err
		}
	}
	return nil
}

func (n *foreachNode) step(s *state, key, value Value) error {
	if s.steps++; s.steps > maxSteps {
		return s.fail(n.at, "loops take too many steps")
	}
	if n.key >= 0 {
		s.set(n.key, key)
	}
	s.set(n.value, value)
	return s.run(n.body)
}
