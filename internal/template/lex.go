package template

import "strings"

// The scanner of what stands inside a tag. Every method skips white space in front.

func (p *parser) space() {
	for p.pos < len(p.src) && isSpace(p.src[p.pos]) {
		p.pos++
	}
}

// peek is the next byte, 0 at the end.
func (p *parser) peek() byte {
	p.space()
	if p.pos == len(p.src) {
		return 0
	}
	return p.src[p.pos]
}

// accept takes tok if it comes next.
func (p *parser) accept(tok string) bool {
	p.space()
	if !strings.HasPrefix(p.src[p.pos:], tok) {
		return false
	}
	p.pos += len(tok)
	return true
}

// word takes letters, digits and underscores; empty if there are none or if a digit comes first.
func (p *parser) word() string {
	p.space()
	if p.pos < len(p.src) && isDigit(p.src[p.pos]) {
		return ""
	}
	return p.wordChars()
}

func (p *parser) wordChars() string {
	start := p.pos
	for p.pos < len(p.src) && isWordChar(p.src[p.pos]) {
		p.pos++
	}
	return p.src[start:p.pos]
}

func isWordChar(c byte) bool { return isLetter(c) || isDigit(c) || c == '_' }
func isLetter(c byte) bool   { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

// keyword takes the word w if it comes next as a whole.
func (p *parser) keyword(w string) bool { return p.anyWord(func(s string) bool { return s == w }) }

// keywordFold is keyword in any case.
func (p *parser) keywordFold(w string) bool {
	return p.anyWord(func(s string) bool { return strings.EqualFold(s, w) })
}

func (p *parser) anyWord(wanted func(string) bool) bool {
	p.space()
	mark := p.pos
	if wanted(p.word()) {
		return true
	}
	p.pos = mark
	return false
}

// target takes "$name" and returns the slot of the variable.
func (p *parser) target() (slot int, ok bool) {
	n, ok := p.variableName()
	if !ok {
		return 0, false
	}
	return p.slot(n), true
}

func (p *parser) variableName() (string, bool) {
	mark := p.pos
	if !p.accept("$") || p.pos == len(p.src) || !isLetter(p.src[p.pos]) {
		p.pos = mark
		return "", false
	}
	return p.wordChars(), true
}

// text takes a quoted string whose opening quote comes next.
func (p *parser) text() (string, error) {
	start := p.pos
	quote := p.src[p.pos]
	var b strings.Builder
	for p.pos++; p.pos < len(p.src); p.pos++ {
		c := p.src[p.pos]
		if c == quote {
			p.pos++
			return b.String(), nil
		}
		if c == '\\' && p.pos+1 < len(p.src) && strings.IndexByte(`"'\`, p.src[p.pos+1]) >= 0 {
			p.pos++
			c = p.src[p.pos]
		}
		b.WriteByte(c)
	}
	return "", p.fail(start, "string is not closed")
}

// digits takes a number without a sign.
func (p *parser) digits() (Value, error) {
	start := p.pos
	n, _ := scanNumber(p.src[p.pos:])
	v, ok := parseNumber(p.src[p.pos : p.pos+n])
	p.pos += n
	if !ok || p.pos < len(p.src) && isWordChar(p.src[p.pos]) {
		return Value{}, p.fail(start, "bad number")
	}
	return v, nil
}
