package settings

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pattern is one of the kinds of database.md section 2. Case is ignored in all of them.
type pattern struct {
	kind     string
	folded   string         // exact, substr
	regex    *regexp.Regexp // fnmatch, regex
	literals []string       // folded: a text that matches has one of them; empty: nothing is known
}

const maxPattern = 4096 // bytes

// newPattern compiles a pattern. An empty one is an error: it would match every text, or none.
func newPattern(kind, s string) (*pattern, error) {
	kind = strings.ToLower(strings.TrimSpace(kind))
	switch {
	case kind == "global":
		return &pattern{kind: kind}, nil
	case strings.TrimSpace(s) == "":
		return nil, errors.New("the pattern is empty")
	case len(s) > maxPattern:
		return nil, fmt.Errorf("the pattern has more than %d bytes", maxPattern)
	case !utf8.ValidString(s):
		return nil, errors.New("the pattern is not UTF-8")
	}
	switch kind {
	case "exact", "substr":
		folded := fold(s)
		return &pattern{kind: kind, folded: folded, literals: []string{folded}}, nil
	case "fnmatch":
		return compile(kind, wildcard(s))
	case "regex":
		return compile(kind, "(?i)"+bare(s))
	}
	return nil, fmt.Errorf("type = %.20q: is none of exact, substr, fnmatch, regex, global", kind)
}

func compile(kind, expression string) (*pattern, error) {
	tree, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("the pattern does not compile: %.200s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	if steps(tree) > maxSteps {
		return nil, errors.New("the pattern is too complex")
	}
	regex, err := regexp.Compile(expression)
	if err != nil {
		return nil, fmt.Errorf("the pattern does not compile: %.200s", err)
	}
	return &pattern{kind: kind, regex: regex, literals: required(tree.Simplify())}, nil
}

// maxSteps bounds the time per byte of text: repeats of repeats make millions of steps out of a short pattern.
const maxSteps = 5000

// steps is about the number of instructions that an expression is compiled to, as far as it matters.
func steps(re *syntax.Regexp) int {
	n := max(1, len(re.Rune))
	if re.Op == syntax.OpCharClass {
		n = 1
	}
	for _, sub := range re.Sub {
		if n += steps(sub); n > maxSteps {
			return n
		}
	}
	if re.Op == syntax.OpRepeat {
		n *= max(1, re.Min, re.Max)
	}
	return n
}

// bare takes the slashes from /…/ and /…/i.
func bare(s string) string {
	s = strings.TrimSpace(s)
	if inner, ok := strings.CutPrefix(s, "/"); ok {
		if end := strings.LastIndexByte(inner, '/'); end > 0 && strings.Trim(inner[end+1:], "i") == "" {
			return inner[:end]
		}
	}
	return s
}

// match compares with a text and the same text folded.
func (p *pattern) match(text, folded string) bool {
	switch p.kind {
	case "exact":
		return folded == p.folded
	case "substr":
		return strings.Contains(folded, p.folded)
	case "global":
		return true
	}
	return p.regex.MatchString(text)
}

// wildcard turns an fnmatch pattern into a regular expression, which takes time that only grows with the length of the text.
func wildcard(s string) string {
	var b strings.Builder
	b.WriteString(`(?is)\A`)
	for s != "" {
		switch s[0] {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteByte('.')
		case '[':
			if class, rest, ok := bracket(s); ok {
				b.WriteString(class)
				s = rest
				continue
			}
			b.WriteString(`\[`)
		default:
			_, n := utf8.DecodeRuneInString(s)
			b.WriteString(regexp.QuoteMeta(s[:n]))
			s = s[n:]
			continue
		}
		s = s[1:]
	}
	b.WriteString(`\z`)
	return b.String()
}

// bracket turns [abc], [a-c] and [!abc] at the front of s into a class. A ] at once is one of its characters; without an end the [
// stands for itself.
func bracket(s string) (class, rest string, ok bool) {
	inner, negated := strings.CutPrefix(s[1:], "!")
	if inner == "" {
		return "", "", false
	}
	end := strings.IndexByte(inner[1:], ']') + 1
	if end == 0 {
		return "", "", false
	}
	class = "["
	if negated {
		class = "[^"
	}
	escaped := strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`, `^`, `\^`, `&`, `\&`).Replace(inner[:end])
	return class + escaped + "]", inner[end+1:], true
}

// fold puts a text into a form that two texts share if they differ only in case, in the sense of regular expressions.
func fold(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return strings.Map(foldRune, s)
		}
	}
	return strings.ToLower(s)
}

// foldRune is the lower case of the first of all forms of a letter: k for K and the Kelvin sign.
func foldRune(r rune) rune {
	first := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		first = min(first, next)
	}
	if low := unicode.ToLower(first); low != first && sameLetter(low, r) {
		return low
	}
	return first
}

func sameLetter(a, b rune) bool {
	for next := unicode.SimpleFold(a); ; next = unicode.SimpleFold(next) {
		if next == b {
			return true
		}
		if next == a {
			return false
		}
	}
}
