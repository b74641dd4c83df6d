package template

import "strings"

// An expr is a part of a template that has a value.
type expr interface{ eval(*state) (Value, error) }

type literalExpr struct{ v Value }

func (e literalExpr) eval(*state) (Value, error) { return e.v, nil }

type logicExpr struct {
	all      bool // and; otherwise or
	operands []expr
}

// eval looks at an operand only if those before it leave the answer open.
func (e *logicExpr) eval(s *state) (Value, error) {
	for _, o := range e.operands {
		v, err := o.eval(s)
		if err != nil {
			return v, err
		}
		if err := s.spend(20); err != nil {
			return v, err
		}
		if v.truth() != e.all {
			return Bool(!e.all), nil
		}
	}
	return Bool(e.all), nil
}

type comparison uint8

const (
	opEQ comparison = iota + 1
	opNE
	opLT
	opLE
	opGT
	opGE
	opMatch
)

type compareExpr struct {
	op          comparison
	left, right expr
	re          *pattern // of a literal on the right of =~
}

func (e *compareExpr) eval(s *state) (Value, error) {
	a, err := e.left.eval(s)
	if err != nil {
		return a, err
	}
	b, err := e.right.eval(s)
	if err != nil {
		return b, err
	}
	if e.op == opMatch {
		return s.match(a, b, e.re)
	}
	if err := s.spend(30 + 2*a.weight() + 2*b.weight()); err != nil {
		return a, err
	}
	switch e.op {
	case opEQ:
		return Bool(equal(a, b)), nil
	case opNE:
		return Bool(!equal(a, b)), nil
	}
	return Bool(ordered(e.op, a, b)), nil
}

func equal(a, b Value) bool {
	if a.kind == boolean || b.kind == boolean {
		return a.truth() == b.truth()
	}
	if x, ok := a.number(); ok {
		if y, ok := b.number(); ok {
			return compareNumbers(x, y) == 0
		}
	}
	return a.text() == b.text()
}

func ordered(op comparison, a, b Value) bool {
	x, okA := a.number()
	y, okB := b.number()
	c := 0
	if a.kind == text && b.kind == text && !okA && !okB {
		c = strings.Compare(a.text(), b.text())
	} else {
		c = compareNumbers(x, y)
	}
	switch op {
	case opLT:
		return c < 0
	case opLE:
		return c <= 0
	case opGT:
		return c > 0
	}
	return c >= 0
}

// match is =~. An expression out of a value that is no good matches nothing.
func (s *state) match(a, b Value, re *pattern) (Value, error) {
	if re == nil {
		var err error
		if re, err = s.pattern(b.text()); err != nil || re == nil {
			return Bool(false), err
		}
	}
	subject := a.text()
	if err := s.spend(a.weight() + re.cost(len(subject))); err != nil {
		return a, err
	}
	return Bool(re.re.MatchString(subject)), nil
}

type arithmeticExpr struct {
	first expr
	terms []term
}

type term struct {
	op    byte
	at    int
	value expr
}

func (e *arithmeticExpr) eval(s *state) (Value, error) {
	v, err := e.first.eval(s)
	if err != nil {
		return v, err
	}
	sum, _ := v.number()
	if err := s.spend(30 + v.weight()); err != nil {
		return sum, err
	}
	for _, t := range e.terms {
		v, err := t.value.eval(s)
		if err != nil {
			return v, err
		}
		n, _ := v.number()
		var ok bool
		if sum, ok = calculate(t.op, sum, n); !ok {
			return sum, s.fail(t.at, "division by zero")
		}
		if err := s.spend(30 + v.weight()); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

type unaryExpr struct {
	op    byte
	value expr
}

func (e *unaryExpr) eval(s *state) (Value, error) {
	v, err := e.value.eval(s)
	if err != nil {
		return v, err
	}
	if e.op == '!' {
		return Bool(!v.truth()), nil
	}
	n, _ := v.number()
	n, _ = calculate('-', Int(0), n)
	return n, s.spend(30 + v.weight())
}

type hashExpr struct{ value, algorithm expr }

func (e *hashExpr) eval(s *state) (Value, error) {
	v, err := e.value.eval(s)
	if err != nil {
		return v, err
	}
	a, err := e.algorithm.eval(s)
	if err != nil {
		return a, err
	}
	sum, ok, err := s.hash(v, a.text())
	if err != nil || !ok {
		return Value{}, err
	}
	return sum, nil
}
