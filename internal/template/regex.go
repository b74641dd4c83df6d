package template

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"
)

const (
	maxPattern      = 1000 // bytes of a regular expression
	maxInstructions = 4000 // of its program
	maxPatterns     = 16   // expressions out of values that one rendering remembers
)

// A pattern is a compiled regular expression together with what it can cost.
type pattern struct {
	re           *regexp.Regexp
	instructions int
	longest      int  // of a match of a pattern without a loop
	linear       bool // to find all matches takes a time linear in the subject
}

func newPattern(src string) (*pattern, error) {
	if len(src) > maxPattern {
		return nil, errors.New("longer than 1000 bytes")
	}
	tree, err := syntax.Parse(src, syntax.Perl)
	if err != nil {
		return nil, err
	}
	longest, loops := measure(tree)
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, err
	}
	if len(prog.Inst) > maxInstructions {
		return nil, errors.New("too complex")
	}
	re, err := regexp.Compile(src)
	if err != nil {
		return nil, err
	}
	return &pattern{re: re, instructions: len(prog.Inst), longest: longest, linear: loops <= 1}, nil
}

// cost is the work of one search in a subject of n bytes.
func (p *pattern) cost(n int) int { return (n + 10) * (40 + 8*p.instructions) }

// matches returns up to all matches that the budget of s pays for. One search may look at the whole
// rest of the subject before it knows its match, so that a pattern such as (a*b|a) is quadratic
// although each search is linear; only patterns that cannot do this are charged by their matches.
func (p *pattern) matches(s *state, subject string) ([][]int, error) {
	each := p.cost(len(subject))
	if p.linear {
		each = p.cost(p.longest)
	}
	if err := s.spend(p.cost(len(subject))); err != nil {
		return nil, err
	}
	affordable := (maxWork - s.work) / each
	found := p.re.FindAllStringSubmatchIndex(subject, affordable+1)
	return found, s.spend(len(found) * each)
}

// measure returns the length of the longest match, loops left out, and the number of loops. A loop
// over one class of characters at the top counts 1, any other makes 2 or more: with a single one no
// search reads further than the next match, apart from what is in front of and behind the loop.
func measure(re *syntax.Regexp) (longest, loops int) {
	switch re.Op {
	case syntax.OpLiteral:
		return 4 * len(re.Rune), 0
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 4, 0
	case syntax.OpStar, syntax.OpPlus:
		return 0, loopsOf(re)
	case syntax.OpRepeat:
		if re.Max < 0 {
			return 0, loopsOf(re)
		}
		longest, loops = measure(re.Sub[0])
		return longest * re.Max, 2 * loops
	}
	for _, sub := range re.Sub {
		n, l := measure(sub)
		if re.Op != syntax.OpConcat && re.Op != syntax.OpCapture {
			l *= 2 // inside an alternative or an option
		}
		longest += n
		loops += l
	}
	return longest, loops
}

func loopsOf(re *syntax.Regexp) int {
	if n, loops := measure(re.Sub[0]); n == 4 && loops == 0 {
		return 1
	}
	return 2
}

// pattern compiles an expression that came out of a value; it is nil if the expression is no good.
func (s *state) pattern(src string) (*pattern, error) {
	if len(src) > maxPattern {
		return nil, nil
	}
	if p, ok := s.res[src]; ok {
		return p, nil
	}
	if err := s.spend(100_000 + 100*len(src)); err != nil {
		return nil, err
	}
	p, _ := newPattern(src) // nil is the answer to a bad one
	if s.res == nil || len(s.res) == maxPatterns {
		s.res = map[string]*pattern{}
	}
	s.res[src] = p
	return p, nil
}

// replaceAll puts to in the place of every match; $& is the match, $1 to $99 are its groups, $$ is $.
func (p *pattern) replaceAll(s *state, subject, to string) (string, error) {
	found, err := p.matches(s, subject)
	if err != nil || len(found) == 0 {
		return subject, err
	}
	var out []byte
	last, groups := 0, strings.Count(to, "$")
	for _, m := range found {
		if err := s.room(len(out) + len(to) + groups*(m[1]-m[0])); err != nil {
			return "", err
		}
		out = append(out, subject[last:m[0]]...)
		out = expand(out, to, subject, m)
		last = m[1]
	}
	return string(append(out, subject[last:]...)), nil
}

func expand(out []byte, to, subject string, m []int) []byte {
	for i := 0; i < len(to); i++ {
		if to[i] != '$' || i+1 == len(to) {
			out = append(out, to[i])
			continue
		}
		group, width := groupAt(to[i+1:], len(m)/2)
		switch {
		case to[i+1] == '$':
			out = append(out, '$')
			i++
		case group < 0:
			out = append(out, '$')
		default:
			if m[2*group] >= 0 {
				out = append(out, subject[m[2*group]:m[2*group+1]]...)
			}
			i += width
		}
	}
	return out
}

// groupAt reads the number of a group, of two digits if there are so many groups; -1 if it is none.
func groupAt(s string, groups int) (group, width int) {
	if s[0] == '&' {
		return 0, 1
	}
	if !isDigit(s[0]) {
		return -1, 0
	}
	one := int(s[0] - '0')
	if len(s) > 1 && isDigit(s[1]) {
		if two := 10*one + int(s[1]-'0'); two < groups {
			return two, 2
		}
	}
	if one < groups {
		return one, 1
	}
	return -1, 0
}
