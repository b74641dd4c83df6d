package block

import (
	"regexp"
	"regexp/syntax"
	"strings"

	"posthoorn/internal/compose/node"
)

// Limits of the regular expressions of a document. Matching takes a time of length times complexity.
const (
	maxPattern    = 1000 // bytes of one
	maxComplexity = 5000 // places in one, with its repetitions written out
	maxPatterns   = 200  // different ones
)

// pattern is a regular expression and how complex it is.
type pattern struct {
	re         *regexp.Regexp // nil: it is not used
	complexity int
}

// regex is the test of an expression, and what it takes for each byte. One that is no good holds for nothing.
func (p *parser) regex(at *node.Value, expression string) (holds func(string) bool, work int) {
	known, ok := p.patterns[expression]
	if !ok {
		known = p.compile(expression)
	}
	if known.re == nil {
		p.problems.Add(at, "no regular expression, or one that is too big: "+shown(expression))
		return func(string) bool { return false }, 0
	}
	return known.re.MatchString, known.complexity
}

func (p *parser) compile(expression string) (made pattern) {
	if len(expression) > maxPattern || len(p.patterns) == maxPatterns {
		return made
	}
	if tree, err := syntax.Parse(expression, syntax.Perl); err == nil {
		if made.complexity = complexity(tree); made.complexity <= maxComplexity {
			made.re, _ = regexp.Compile(expression)
		}
	}
	if p.patterns == nil {
		p.patterns = map[string]pattern{}
	}
	p.patterns[expression] = made
	return made
}

// complexity is about the number of instructions of the program that an expression becomes, found out before it is made.
func complexity(re *syntax.Regexp) int {
	n := 2 + len(re.Rune)/2
	for _, sub := range re.Sub {
		n += complexity(sub)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Min, re.Max, 1)
	}
	return min(n, 1<<30)
}

// wildcard is the test whether a text is the pattern, in which each * stands for any text.
func wildcard(pattern string) func(string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return func(s string) bool { return s == pattern }
	}
	first, last := parts[0], parts[len(parts)-1]
	var inner []string
	for _, part := range parts[1 : len(parts)-1] {
		if part != "" {
			inner = append(inner, part)
		}
	}
	return func(s string) bool {
		if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
			return false
		}
		s = s[len(first) : len(s)-len(last)]
		for _, part := range inner {
			i := strings.Index(s, part)
			if i < 0 {
				return false
			}
			s = s[i+len(part):]
		}
		return true
	}
}
