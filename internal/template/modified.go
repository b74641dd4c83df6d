package template

// A modifiedExpr is a value that goes through modifiers, left to right.
type modifiedExpr struct {
	value expr
	calls []call
}

type call struct {
	name string
	fn   modifier // nil: not known, without effect
	args []expr
	re   *pattern // of a literal first argument of regex_replace
}

func (e *modifiedExpr) eval(s *state) (Value, error) {
	v, err := e.value.eval(s)
	if err != nil {
		return v, err
	}
	for i := range e.calls {
		c := &e.calls[i]
		if c.fn == nil {
			continue
		}
		a, err := s.arguments(c)
		if err != nil {
			return v, err
		}
		exempt := v.exempt
		if err := s.spend(100 + 10*v.weight() + a.weight()); err != nil {
			return v, err
		}
		if v, err = c.fn(s, v, a); err != nil {
			return v, err
		}
		v.exempt = v.exempt || exempt
		if err := s.room(len(v.str)); err != nil {
			return v, err
		}
		if err := s.spend(8 * len(v.str)); err != nil {
			return v, err
		}
	}
	return v, nil
}

// room refuses to make a text of n bytes if that is more than any output may be.
func (s *state) room(n int) error {
	if n > maxOutput {
		return s.fail(s.at, "text is too long")
	}
	return nil
}

// escapes reports whether one of the modifiers settles how the value is escaped.
func (e *modifiedExpr) escapes() bool {
	for _, c := range e.calls {
		if c.name == "escape" || c.name == "raw" {
			return true
		}
	}
	return false
}

func (s *state) arguments(c *call) (arguments, error) {
	a := arguments{re: c.re}
	for i, e := range c.args {
		if i == len(a.values) {
			break // surplus
		}
		v, err := e.eval(s)
		if err != nil {
			return a, err
		}
		a.values[i] = v
		a.n++
	}
	return a, nil
}
