package template

// The parser of {if} and {foreach}.

func (p *parser) block(start int, read func(*parser, int) (node, error)) (node, error) {
	if p.nesting++; p.nesting > maxNesting {
		return nil, p.fail(start, "blocks are nested too deeply")
	}
	n, err := read(p, start)
	p.nesting--
	return n, err
}

func (p *parser) ifBlock(start int) (node, error) {
	n := &ifNode{}
	for {
		b := branch{at: start}
		var err error
		if b.cond, err = p.expr(); err != nil {
			return nil, err
		}
		if err = p.close(start); err != nil {
			return nil, err
		}
		var end ending
		if b.body, end, err = p.body(); err != nil {
			return nil, err
		}
		n.branches = append(n.branches, b)
		if end.word == "elseif" {
			continue
		}
		n.otherwise, err = p.rest(end, "else", "/if", start)
		return n, err
	}
}

// rest reads the last part of a block: the body that the tag other introduces, if there is one, and
// the closing tag.
func (p *parser) rest(end ending, other, closing string, start int) (body []node, err error) {
	if end.word == other {
		if err := p.close(end.at); err != nil {
			return nil, err
		}
		if body, end, err = p.body(); err != nil {
			return nil, err
		}
	}
	switch end.word {
	case closing:
		return body, p.close(end.at)
	case "":
		return nil, p.fail(start, "missing {"+closing+"}")
	}
	return nil, p.fail(end.at, "{"+end.word+"} instead of {"+closing+"}")
}

func (p *parser) foreachBlock(start int) (node, error) {
	n := &foreachNode{at: start, key: -1}
	if err := p.foreachHead(n); err != nil {
		return nil, err
	}
	if err := p.close(start); err != nil {
		return nil, err
	}
	body, end, err := p.body()
	if err != nil {
		return nil, err
	}
	n.body = body
	n.otherwise, err = p.rest(end, "foreachelse", "/foreach", start)
	return n, err
}

// foreachHead reads "$v in list", "list as $v" or "list as $k => $v".
func (p *parser) foreachHead(n *foreachNode) (err error) {
	mark := p.pos
	if slot, ok := p.target(); ok && p.keyword("in") {
		n.value = slot
		n.list, err = p.expr()
		return err
	}
	p.pos = mark
	if n.list, err = p.expr(); err != nil {
		return err
	}
	if !p.keyword("as") {
		return p.fail(p.pos, `missing "as"`)
	}
	var ok bool
	if n.value, ok = p.target(); !ok {
		return p.fail(p.pos, "missing loop variable")
	}
	if !p.accept("=>") {
		return nil
	}
	n.key = n.value
	if n.value, ok = p.target(); !ok {
		return p.fail(p.pos, "missing loop variable")
	}
	return nil
}
