package inline

import (
	"slices"
	"strings"

	"github.com/tdewolff/parse/v2/css"
)

// declaration gives a property its value. There are several values when the author gave fallbacks for readers that do not
// know the last one, which counts.
type declaration struct {
	name      string
	values    []string
	important bool
}

// declarations are those of one block, one for each property and importance, in the order of their last places; and those
// that a comment tells to leave alone.
func (t text) declarations(toks []token) (list, ignored []declaration) {
	var juice directives
	for i := 0; i < len(toks); i++ {
		end := until(toks, i, func(k token) bool { return k.kind == css.SemicolonToken })
		for i < end && blank(toks[i]) {
			juice.see(t, toks[i])
			i++
		}
		brace := until(toks[:end], i, func(k token) bool { return k.kind == css.LeftBraceToken })
		if brace < end && !custom(toks[i:]) {
			i = block(toks, brace) // a rule within the rule, or rubbish: it ends at its brace, not at the next semicolon
			continue
		}
		if d, ok := t.declaration(trim(toks[i:end])); ok && juice.ignored() {
			ignored = append(ignored, d)
		} else if ok {
			list = add(list, d)
		}
		i = end
	}
	return list, ignored
}

func custom(piece []token) bool {
	return len(piece) > 0 && piece[0].kind == css.CustomPropertyNameToken
}

func (t text) declaration(piece []token) (declaration, bool) {
	colon := 1
	for colon < len(piece) && blank(piece[colon]) {
		colon++
	}
	if colon >= len(piece) || piece[colon].kind != css.ColonToken {
		return declaration{}, false
	}
	d := declaration{name: t.of(piece[0])}
	switch {
	case custom(piece):
	case piece[0].kind == css.IdentToken && d.name[0] != '_':
		d.name = strings.ToLower(d.name)
	default:
		return declaration{}, false
	}
	value := trim(piece[colon+1:])
	value, d.important = t.important(value)
	if len(value) == 0 || !t.sound(value) {
		return declaration{}, false
	}
	d.values = []string{t.value(value)}
	return d, true
}

// important splits !important off a value.
func (t text) important(value []token) ([]token, bool) {
	n := len(value)
	if n == 0 || value[n-1].kind != css.IdentToken || !strings.EqualFold(t.of(value[n-1]), "important") {
		return value, false
	}
	rest := trim(value[:n-1])
	if n = len(rest); n == 0 || t.of(rest[n-1]) != "!" {
		return value, false
	}
	return trim(rest[:n-1]), true
}

// sound says that a value can be written anywhere without changing what stands around it.
func (t text) sound(value []token) bool {
	var open []byte
	for _, k := range value {
		if t.bad(k) || len(open) == 0 && t.of(k) == "!" {
			return false
		}
		before := len(open)
		open = nest(open, k.kind)
		switch k.kind {
		case css.RightBraceToken, css.RightBracketToken, css.RightParenthesisToken:
			if len(open) == before {
				return false
			}
		}
	}
	return len(open) == 0
}

// More properties in one block, or more fallbacks of one, are rubbish that was made to take time.
const (
	maxDeclarations = 1000
	maxFallbacks    = 8
)

// add puts a declaration behind those of its block. An earlier value of the property stays as a fallback if the new one
// has a function or a vendor prefix that it lacks.
func add(list []declaration, d declaration) []declaration {
	i := slices.IndexFunc(list, func(o declaration) bool { return o.name == d.name && o.important == d.important })
	if i < 0 && len(list) < maxDeclarations {
		return append(list, d)
	} else if i < 0 {
		return list
	}
	var values []string
	for _, old := range list[i].values {
		if len(values) < maxFallbacks && newer(d.values[0], old) {
			values = append(values, old)
		}
	}
	d.values = append(values, d.values...)
	return append(slices.Delete(list, i, i+1), d)
}

func newer(value, old string) bool {
	known := specials(old)
	for _, s := range specials(value) {
		if !slices.Contains(known, s) {
			return true
		}
	}
	return false
}

// specials are the functions and vendor prefixes of a value: "rgba(", "-webkit-".
func specials(value string) []string {
	var list []string
	t := lex(value)
	for _, k := range t.toks {
		s := strings.ToLower(t.of(k))
		if k.kind == css.FunctionToken {
			list = append(list, s)
		}
		if (k.kind == css.FunctionToken || k.kind == css.IdentToken) && s[0] == '-' {
			if vendor, _, ok := strings.Cut(s[1:], "-"); ok {
				list = append(list, "-"+vendor+"-")
			}
		}
	}
	return list
}

// write appends declarations as text. In an attribute values have the quotes that need no escapes there, where they mean the
// same, and what only stands for another attribute is left out.
func write(b []byte, list []declaration, attribute bool) []byte {
	first := true
	for _, d := range list {
		if attribute && strings.HasPrefix(d.name, premailer) {
			continue
		}
		for _, v := range d.values {
			if !first {
				b = append(b, "; "...)
			}
			first = false
			b = append(append(b, d.name...), ": "...)
			if attribute && strings.Contains(v, `"`) && !strings.Contains(v, "'") {
				v = strings.ReplaceAll(v, `"`, "'")
			}
			b = append(b, v...)
			if d.important {
				b = append(b, " !important"...)
			}
		}
	}
	return b
}
