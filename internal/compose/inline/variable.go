package inline

import (
	"strings"

	"github.com/tdewolff/parse/v2/css"
)

// What var() may become; more is left as it is.
const (
	maxVariable      = 4 << 10
	maxVariableDepth = 8
)

// variables finds the custom properties that have one value in the whole document.
func (r *run) variables() {
	r.vars, r.full = map[string]string{}, map[string]string{}
	for _, s := range r.sheets {
		for name, value := range s.sheet.vars {
			r.note(name, value)
		}
	}
	if len(r.vars) == 0 {
		return
	}
	for _, e := range r.elements {
		if source, _ := attr(e.node, "style"); strings.Contains(source, "--") {
			for _, d := range r.own(source) {
				r.note(d.name, "")
			}
		}
	}
}

func (r *run) note(name, value string) {
	if old, known := r.vars[name]; known && old != value {
		value = ""
	}
	r.vars[name] = value
}

// expand puts the values of custom properties in the place of var(), which few readers know.
func (r *run) expand(value string) string {
	if len(r.vars) == 0 || !strings.Contains(value, "var(") {
		return value
	}
	full, known := r.full[value]
	if !known {
		ok := false
		if full, ok = r.fill(value, maxVariableDepth); !ok {
			full = value
		}
		r.full[value] = full
	}
	return full
}

func (r *run) fill(value string, depth int) (string, bool) {
	t := lex(value)
	var b strings.Builder
	for i := 0; i < len(t.toks); i++ {
		k := t.toks[i]
		if k.kind != css.FunctionToken || !strings.EqualFold(t.of(k), "var(") {
			b.WriteString(t.of(k))
			continue
		}
		end := min(block(t.toks, i), len(t.toks)-1)
		inner := trim(t.toks[i+1 : end])
		if len(inner) == 0 || r.vars[t.of(inner[0])] == "" || depth == 0 {
			b.WriteString(t.part(t.toks[i : end+1]))
		} else {
			full, ok := r.fill(r.vars[t.of(inner[0])], depth-1)
			if !ok || b.Len()+len(full) > maxVariable {
				return "", false
			}
			b.WriteString(full)
		}
		i = end
	}
	return b.String(), true
}
