package template

import "strings"

// A parser turns a source into nodes, in one pass.
type parser struct {
	src     string
	pos     int
	nesting int // open blocks
	depth   int // open parentheses, brackets, calls and signs
	nodes   int
	slots   map[string]int
	names   []name
}

func (p *parser) fail(at int, text string) *Error { return newError(Syntax, p.src, at, text) }

// count charges one node to the limit of the template.
func (p *parser) count() error {
	if p.nodes++; p.nodes > maxNodes {
		return p.fail(p.pos, "template has too many parts")
	}
	return nil
}

func (p *parser) slot(n string) int {
	i, ok := p.slots[n]
	if !ok {
		i = len(p.names)
		p.slots[n] = i
		p.names = append(p.names, newName(n))
	}
	return i
}

// leadingMode reads {escape} or {mode=word}, which may only be the first thing of a template.
func (p *parser) leadingMode() mode {
	for _, intro := range []string{"{escape", "{mode"} {
		if !strings.HasPrefix(p.src, intro) {
			continue
		}
		p.pos = len(intro)
		m := modeHTML
		if intro == "{mode" && p.accept("=") {
			m = modes[p.word()]
		}
		if p.accept("}") {
			return m
		}
	}
	p.pos = 0
	return modeRaw
}

func (p *parser) template() ([]node, error) {
	nodes, end, err := p.body()
	if err != nil {
		return nil, err
	}
	if end.word != "" {
		return nil, p.fail(end.at, "{"+end.word+"} without a beginning")
	}
	return nodes, nil
}

// An ending is the tag that ended a body; its word is empty at the end of the template. The parser
// stands behind the word.
type ending struct {
	word string
	at   int
}

// body reads text and tags up to a tag that belongs to the block around it.
func (p *parser) body() ([]node, ending, error) {
	var nodes []node
	for {
		start := p.pos
		p.pos = nextTag(p.src, p.pos)
		if p.pos > start {
			nodes = append(nodes, textNode(p.src[start:p.pos]))
		}
		if err := p.count(); err != nil {
			return nil, ending{}, err
		}
		if p.pos == len(p.src) {
			return nodes, ending{at: p.pos}, nil
		}
		if end := p.ending(); end.word != "" {
			return nodes, end, nil
		}
		n, err := p.tag()
		if err != nil {
			return nil, ending{}, err
		}
		if n != nil {
			nodes = append(nodes, n)
		}
	}
}

// nextTag returns where the next tag at or behind i begins: at a brace that is not followed by white
// space, by a closing brace, or by nothing.
func nextTag(src string, i int) int {
	for {
		n := strings.IndexByte(src[i:], '{')
		if n < 0 || i+n+1 == len(src) {
			return len(src)
		}
		i += n
		if c := src[i+1]; !isSpace(c) && c != '}' {
			return i
		}
		i++
	}
}

// ending reads the beginning of a tag that ends a body; if it is another tag the parser stays.
func (p *parser) ending() ending {
	start := p.pos
	p.pos++
	slash := p.accept("/")
	w := p.word()
	if slash {
		w = "/" + w
	}
	switch w {
	case "endif":
		w = "/if"
	case "endforeach":
		w = "/foreach"
	case "else", "elseif", "foreachelse", "/if", "/foreach":
	default:
		p.pos = start
		return ending{}
	}
	return ending{w, start}
}

// tag reads a tag that does not end a body; the node is nil if it prints nothing.
func (p *parser) tag() (node, error) {
	start := p.pos
	p.pos++
	if p.src[p.pos] == '*' {
		return nil, p.skipTo("*}", start)
	}
	mark := p.pos
	switch w := p.word(); w {
	case "if":
		return p.block(start, (*parser).ifBlock)
	case "foreach":
		return p.block(start, (*parser).foreachBlock)
	case "assign":
		return p.assign(start)
	case "ldelim":
		return textNode("{"), p.close(start)
	case "rdelim":
		return textNode("}"), p.close(start)
	case "literal":
		return p.literal(start)
	}
	p.pos = mark
	return p.print(start)
}

func (p *parser) skipTo(end string, start int) error {
	n := strings.Index(p.src[p.pos:], end)
	if n < 0 {
		return p.fail(start, "missing "+end)
	}
	p.pos += n + len(end)
	return nil
}

func (p *parser) literal(start int) (node, error) {
	if err := p.close(start); err != nil {
		return nil, err
	}
	const end = "{/literal}"
	from := p.pos
	if err := p.skipTo(end, start); err != nil {
		return nil, err
	}
	return textNode(p.src[from : p.pos-len(end)]), nil
}

// close reads the brace that ends the tag that began at start.
func (p *parser) close(start int) error {
	if p.accept("}") {
		return nil
	}
	if p.pos == len(p.src) {
		return p.fail(start, "missing }")
	}
	return p.fail(p.pos, "unexpected "+p.glimpse())
}

// glimpse quotes what the parser stands at, for an error.
func (p *parser) glimpse() string {
	mark := p.pos
	w := p.word()
	p.pos = mark
	if w != "" {
		return `"` + w[:min(len(w), 40)] + `"`
	}
	for _, r := range p.src[mark:] {
		return `"` + string(r) + `"`
	}
	return "end"
}

// assign reads "EXPRESSION to $name".
func (p *parser) assign(start int) (node, error) {
	e, err := p.expr()
	if err != nil {
		return nil, err
	}
	if !p.keyword("to") {
		return nil, p.fail(p.pos, `missing "to"`)
	}
	slot, ok := p.target()
	if !ok {
		return nil, p.fail(p.pos, "missing variable to assign to")
	}
	return &assignNode{at: start, slot: slot, value: e}, p.close(start)
}

// print reads "$name = EXPRESSION" or an expression that is printed.
func (p *parser) print(start int) (node, error) {
	mark := p.pos
	if slot, ok := p.target(); ok && p.acceptAssignment() {
		e, err := p.expr()
		if err != nil {
			return nil, err
		}
		return &assignNode{at: start, slot: slot, value: e}, p.close(start)
	}
	p.pos = mark
	e, err := p.expr()
	if err != nil {
		return nil, err
	}
	return &printNode{at: start, value: e}, p.close(start)
}

// acceptAssignment takes a "=" that is no operator of its own.
func (p *parser) acceptAssignment() bool {
	p.space()
	rest := p.src[p.pos:]
	if !strings.HasPrefix(rest, "=") || strings.HasPrefix(rest, "==") || strings.HasPrefix(rest, "=~") {
		return false
	}
	p.pos++
	return true
}
