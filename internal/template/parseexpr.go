package template

// expr reads a whole expression: the levels of section 6 from weakest to strongest. Chains of one
// level become lists, so that only what is really nested costs depth.
func (p *parser) expr() (expr, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.fail(p.pos, "expression is nested too deeply")
	}
	e, err := p.logic(false, func() (expr, error) { return p.logic(true, p.comparison) })
	p.depth--
	return e, err
}

// logic reads operands joined by "and" (all) or "or".
func (p *parser) logic(all bool, operand func() (expr, error)) (expr, error) {
	word, sign := "or", "||"
	if all {
		word, sign = "and", "&&"
	}
	first, err := operand()
	if err != nil {
		return nil, err
	}
	n := &logicExpr{all: all, operands: []expr{first}}
	for p.accept(sign) || p.keywordFold(word) {
		e, err := operand()
		if err != nil {
			return nil, err
		}
		n.operands = append(n.operands, e)
	}
	if len(n.operands) == 1 {
		return first, nil
	}
	return n, nil
}

// operators in the order in which they are tried: a longer sign before the one it begins with.
var operators = []struct {
	sign string
	op   comparison
}{
	{"==", opEQ}, {"!=", opNE}, {"=~", opMatch}, {"<=", opLE}, {">=", opGE}, {"<", opLT}, {">", opGT},
}

var operatorWords = map[string]comparison{
	"eq": opEQ, "ne": opNE, "neq": opNE, "lt": opLT, "lte": opLE, "le": opLE, "gt": opGT, "gte": opGE, "ge": opGE,
}

func (p *parser) comparison() (expr, error) {
	left, err := p.sum()
	if err != nil {
		return nil, err
	}
	at := p.pos
	op := p.comparisonOperator()
	if op == 0 {
		return left, nil
	}
	right, err := p.sum()
	if err != nil {
		return nil, err
	}
	n := &compareExpr{op: op, left: left, right: right}
	if lit, ok := right.(literalExpr); ok && op == opMatch {
		if n.re, err = newPattern(lit.v.text()); err != nil {
			return nil, p.fail(at, "bad regular expression: "+err.Error())
		}
	}
	return n, nil
}

func (p *parser) comparisonOperator() (op comparison) {
	for _, o := range operators {
		if p.accept(o.sign) {
			return o.op
		}
	}
	p.anyWord(func(w string) bool { op = operatorWords[w]; return op != 0 })
	return op
}

func (p *parser) sum() (expr, error)     { return p.arithmetic("+-", p.product) }
func (p *parser) product() (expr, error) { return p.arithmetic("*/%", p.unary) }

func (p *parser) arithmetic(ops string, operand func() (expr, error)) (expr, error) {
	first, err := operand()
	if err != nil {
		return nil, err
	}
	n := &arithmeticExpr{first: first}
	for {
		op, at := p.oneOf(ops), p.pos
		if op == 0 {
			break
		}
		e, err := operand()
		if err != nil {
			return nil, err
		}
		n.terms = append(n.terms, term{op, at - 1, e})
	}
	if len(n.terms) == 0 {
		return first, nil
	}
	return n, nil
}

func (p *parser) oneOf(ops string) byte {
	c := p.peek()
	for i := range len(ops) {
		if c == ops[i] {
			p.pos++
			return c
		}
	}
	return 0
}

// unary reads signs and negations, then a value with its modifiers.
func (p *parser) unary() (expr, error) {
	op := byte(0)
	switch {
	case p.accept("-"):
		op = '-'
	case p.keywordFold("not"), p.peek() == '!' && p.accept("!"):
		op = '!'
	default:
		return p.modified()
	}
	if p.depth++; p.depth > maxDepth {
		return nil, p.fail(p.pos, "expression is nested too deeply")
	}
	e, err := p.unary()
	p.depth--
	if err != nil {
		return nil, err
	}
	return &unaryExpr{op, e}, nil
}

func (p *parser) modified() (expr, error) {
	value, err := p.primary()
	if err != nil {
		return nil, err
	}
	n := &modifiedExpr{value: value}
	for p.peek() == '|' && !p.ahead("||") {
		p.pos++
		c, err := p.modifier()
		if err != nil {
			return nil, err
		}
		n.calls = append(n.calls, c)
	}
	if len(n.calls) == 0 {
		return value, nil
	}
	return n, nil
}

func (p *parser) ahead(tok string) bool {
	mark := p.pos
	ok := p.accept(tok)
	p.pos = mark
	return ok
}
