package template

// The parser of what expressions are made of: values, their members and their modifiers.

// modifier reads a name and its arguments. One that is not known has no effect, which is no error.
func (p *parser) modifier() (call, error) {
	if err := p.count(); err != nil {
		return call{}, err
	}
	w := p.word()
	if w == "" {
		return call{}, p.fail(p.pos, "missing name of a modifier")
	}
	c := call{name: w, fn: modifiers[w]}
	for p.accept(":") {
		e, err := p.argument()
		if err != nil {
			return call{}, err
		}
		c.args = append(c.args, e)
	}
	if w == "regex_replace" && len(c.args) > 0 {
		return c, p.compileArgument(&c)
	}
	return c, nil
}

func (p *parser) compileArgument(c *call) error {
	lit, ok := c.args[0].(literalExpr)
	if !ok {
		return nil
	}
	re, err := newPattern(lit.v.text())
	if err != nil {
		return p.fail(p.pos, "bad regular expression: "+err.Error())
	}
	c.re = re
	return nil
}

// argument reads a literal, a negative number or a variable.
func (p *parser) argument() (expr, error) {
	if p.accept("-") {
		p.space()
		v, err := p.digits()
		if err != nil {
			return nil, err
		}
		v, _ = calculate('-', Int(0), v)
		return literalExpr{v}, nil
	}
	if c := p.peek(); c == '(' {
		return nil, p.fail(p.pos, `unexpected "("`)
	}
	return p.primary()
}

func (p *parser) primary() (expr, error) {
	if err := p.count(); err != nil {
		return nil, err
	}
	switch c := p.peek(); {
	case c == '"' || c == '\'':
		s, err := p.text()
		return literalExpr{String(s)}, err
	case isDigit(c):
		v, err := p.digits()
		return literalExpr{v}, err
	case c == '$':
		return p.variable()
	case c == '(':
		return p.group()
	case isLetter(c):
		return p.named()
	}
	if p.pos == len(p.src) {
		return nil, p.fail(p.pos, "tag is not closed")
	}
	return nil, p.fail(p.pos, "value expected, not "+p.glimpse())
}

func (p *parser) group() (expr, error) {
	start := p.pos
	p.pos++
	e, err := p.expr()
	if err != nil {
		return nil, err
	}
	if !p.accept(")") {
		return nil, p.fail(start, "missing )")
	}
	return e, nil
}

// named reads true, false or the call of a function.
func (p *parser) named() (expr, error) {
	start := p.pos
	w := p.word()
	if p.peek() == '(' {
		return p.call(w, start)
	}
	if w == "true" || w == "false" {
		return literalExpr{Bool(w == "true")}, nil
	}
	return nil, p.fail(start, `unknown word "`+w[:min(len(w), 40)]+`"`)
}

// call reads the arguments of hash(value, algorithm), the only function there is.
func (p *parser) call(w string, start int) (expr, error) {
	p.pos++
	var args []expr
	for !p.accept(")") {
		if len(args) > 0 && !p.accept(",") {
			return nil, p.fail(start, "missing )")
		}
		e, err := p.expr()
		if err != nil {
			return nil, err
		}
		args = append(args, e)
	}
	switch {
	case w != "hash":
		return nil, p.fail(start, `unknown function "`+w[:min(len(w), 40)]+`"`)
	case len(args) != 2:
		return nil, p.fail(start, "hash needs a value and an algorithm")
	}
	return &hashExpr{args[0], args[1]}, nil
}

func (p *parser) variable() (expr, error) {
	start := p.pos
	slot, ok := p.target()
	if !ok {
		return nil, p.fail(start, "bad name of a variable")
	}
	n := &variableExpr{slot: slot}
	for {
		s, ok, err := p.step()
		if err != nil {
			return nil, err
		}
		if !ok {
			return n, nil
		}
		n.steps = append(n.steps, s)
	}
}

// step reads ".name" or "[index]"; ok is false if neither follows.
func (p *parser) step() (s step, ok bool, err error) {
	switch p.peek() {
	case '.':
		p.pos++
		p.space()
		start := p.pos
		w := p.wordChars()
		if w == "" {
			return s, false, p.fail(start, "missing name of a member")
		}
		return step{name: newName(w)}, true, p.count()
	case '[':
		start := p.pos
		p.pos++
		e, err := p.expr()
		if err != nil {
			return s, false, err
		}
		if !p.accept("]") {
			return s, false, p.fail(start, "missing ]")
		}
		return step{index: e}, true, nil
	}
	return s, false, nil
}
