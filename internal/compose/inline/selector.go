package inline

import (
	"slices"
	"strings"

	"github.com/andybalholm/cascadia"
	"github.com/tdewolff/parse/v2/css"
)

// kind says what can be done with a selector.
type kind int

const (
	static        kind = iota // the source tells which elements it is about
	dynamic                   // so does what happens while the mail is read
	pseudoElement             // it is about no element
	unknown                   // to us; perhaps not to all readers
)

// selector is one selector of a rule: compounds, the last of which is that of the element itself.
type selector struct {
	text  string
	kind  kind
	parts []compound
	spec  cascadia.Specificity
	rule  *rule
	n     int // among the static selectors of its sheet

	// What the last compound asks for; empty: nothing, or nothing that can be looked up.
	id, class, tag string
	// named: it asks for a type. keyed: for a type, a class, an id or the root. exact: for what it is filed under and nothing
	// else, so that what is found there matches.
	named, keyed, exact bool
}

// compound is what one element must be: "td.a[href]". The combinator binds it to the compound before it. What depends on
// the reader is left out of the matcher; without a matcher it may be any element.
type compound struct {
	matcher    cascadia.Sel
	combinator byte
	// What matching looks at besides the element: its neighbours, all that lies within it.
	siblings, subtree bool
}

// selectors splits a list at its commas. A selector that would hurt the sheet that it is kept in is left out.
func (t text) selectors(toks []token) []*selector {
	var list []*selector
	for i := 0; i <= len(toks); i++ {
		end := until(toks, i, func(k token) bool { return k.kind == css.CommaToken })
		if one := trim(toks[i:end]); len(one) > 0 && !slices.ContainsFunc(one, t.rubbish) && t.sound(one) {
			list = append(list, t.selector(one))
		}
		i = end
	}
	return list
}

func (t text) rubbish(k token) bool {
	switch k.kind {
	case css.LeftBraceToken, css.RightBraceToken, css.SemicolonToken, css.AtKeywordToken:
		return true
	}
	return t.bad(k)
}

func (t text) selector(toks []token) *selector {
	s := &selector{text: t.value(toks)}
	combinator, at := byte(' '), 0
	for {
		end := until(toks, at, t.combines)
		r := compoundReader{text: t, compound: compound{combinator: combinator}}
		r.read(toks[at:end])
		s.parts = append(s.parts, r.compound)
		s.kind = max(s.kind, r.kind)
		s.spec = s.spec.Add(r.spec)
		if end == len(toks) {
			s.key(t, toks[at:end])
			s.exact = len(s.parts) == 1 && (s.class != "" && len(toks) == 2 || (s.id != "" || s.tag != "") && len(toks) == 1)
			return s
		}
		if combinator, at = t.combinator(toks, end); combinator == 0 {
			s.kind = unknown
		}
	}
}

func (t text) combines(k token) bool {
	return blank(k) || k.kind == css.DelimToken && strings.IndexByte(">+~", t.src[k.start]) >= 0
}

// combinator reads what stands between two compounds and tells where the second begins. Two signs are none.
func (t text) combinator(toks []token, i int) (byte, int) {
	c := byte(' ')
	for ; i < len(toks) && t.combines(toks[i]); i++ {
		switch {
		case blank(toks[i]):
		case c != ' ':
			c = 0
		default:
			c = t.src[toks[i].start]
		}
	}
	return c, i
}

// key finds what the index can file the selector under, in its last compound.
func (s *selector) key(t text, toks []token) {
	s.keyed = strings.EqualFold(t.part(toks), ":root")
	for i, k := range toks {
		var to *string
		name := t.of(k)
		switch {
		case k.kind == css.IdentToken && i == 0:
			to, name, s.named = &s.tag, strings.ToLower(name), true
		case k.kind == css.IdentToken && t.of(toks[i-1]) == ".":
			to = &s.class
		case k.kind == css.HashToken:
			to, name = &s.id, name[1:]
		case k.kind == css.DelimToken:
			continue
		default:
			return
		}
		s.keyed = true
		if !strings.Contains(name, `\`) {
			*to = name
		}
	}
}

// The pseudo-classes that the source decides; true: by the neighbours of the element.
var structural = map[string]bool{
	"first-child": true, "last-child": true, "nth-child": true, "nth-last-child": true, "only-child": true,
	"first-of-type": true, "last-of-type": true, "nth-of-type": true, "nth-last-of-type": true, "only-of-type": true,
	"empty": false, "root": false, "not": false, "has": false,
}

// The pseudo-classes that the reader decides.
var dynamics = map[string]bool{
	"hover": true, "active": true, "focus": true, "focus-within": true, "focus-visible": true, "visited": true, "link": true,
	"any-link": true, "target": true, "checked": true, "enabled": true, "disabled": true, "valid": true, "invalid": true,
	"in-range": true, "out-of-range": true, "required": true, "optional": true, "lang": true,
}

// Pseudo-elements that may have one colon.
var pseudoElements = map[string]bool{"before": true, "after": true, "first-line": true, "first-letter": true}

type compoundReader struct {
	text
	compound
	kind     kind
	spec     cascadia.Specificity
	b        strings.Builder
	open     []byte
	relative bool // :not() or :has() is in it
}

func (r *compoundReader) read(toks []token) {
	for i := 0; i < len(toks); {
		i = r.take(toks, i)
	}
	if r.kind >= pseudoElement {
		return
	}
	if r.b.Len() == 0 && r.kind == dynamic {
		r.b.WriteByte('*')
	}
	sel, err := cascadia.Parse(r.b.String())
	if err != nil {
		r.kind = unknown
		return
	}
	r.matcher = sel
	r.spec = r.spec.Add(sel.Specificity())
}

// take reads one token, or a pseudo-class that is left out, and tells where to go on.
func (r *compoundReader) take(toks []token, i int) int {
	k := toks[i]
	if k.kind == css.ColonToken && i+1 < len(toks) {
		name := toks[i+1]
		if name.kind == css.ColonToken {
			r.kind = max(r.kind, pseudoElement)
			return i + 3
		}
		if r.pseudo(strings.ToLower(strings.TrimSuffix(r.of(name), "("))) == dynamic && len(r.open) == 0 {
			r.spec[1]++
			if name.kind == css.FunctionToken {
				return block(toks, i+1) + 1
			}
			return i + 2
		}
	}
	if r.strange(toks, i) {
		r.kind = unknown
	}
	r.open = nest(r.open, k.kind)
	r.b.WriteString(r.of(k))
	return i + 1
}

// pseudo judges a pseudo-class. A search within a search is not made: its cost has no bound.
func (r *compoundReader) pseudo(name string) kind {
	is := unknown
	neighbours, known := structural[name]
	switch {
	case pseudoElements[name]:
		is = pseudoElement
	case dynamics[name]:
		is = dynamic
	case known && !(r.subtree && len(r.open) > 0 && (neighbours || name == "has")) && !(name == "has" && len(r.open) > 0):
		is = static
		r.siblings = r.siblings || neighbours
		r.subtree = r.subtree || name == "has"
		r.relative = r.relative || name == "not" || name == "has"
	}
	r.kind = max(r.kind, is)
	return is
}

// strange says that a token has no place in a compound, or that the engine would take it for something that CSS has not:
// [a!=b], [a#=b]. A compound within :not() and :has() has no combinators.
func (r *compoundReader) strange(toks []token, i int) bool {
	k := toks[i]
	inner := r.relative && len(r.open) > 0 && r.open[len(r.open)-1] == ')'
	switch k.kind {
	case css.DelimToken:
		return strings.IndexByte(".*=-+", r.src[k.start]) < 0 || inner && r.src[k.start] == '+'
	case css.UnicodeRangeToken, css.ColumnToken:
		return true
	case css.WhitespaceToken, css.CommentToken:
		return inner && !r.edge(toks[i-1]) && !r.edge(toks[i+1])
	}
	return false
}

// edge says that white space beside a token means nothing.
func (r *compoundReader) edge(k token) bool {
	switch k.kind {
	case css.CommaToken, css.FunctionToken, css.RightParenthesisToken:
		return true
	}
	return false
}
