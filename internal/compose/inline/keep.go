package inline

import (
	"bytes"
	"slices"
	"strings"
)

// rival is a selector of a rule that stays in a sheet and is important there.
type rival struct {
	*selector
	important bool // it was so in the source
}

// rival notes the rules that stay and can be stronger than a style attribute, by property.
func (s *sheet) rival(it *item, nested bool) {
	for i := range it.items {
		it.items[i].order = it.order
		s.rival(&it.items[i], true)
	}
	for _, sel := range it.selectors {
		sel.rule = &it.rule
		if sel.kind == pseudoElement || sel.kind == static && !nested && !it.ignored {
			continue
		}
		for _, d := range it.list {
			if d.important || (nested || sel.kind == dynamic) && !it.ignored {
				s.rivals[d.name] = append(s.rivals[d.name], rival{sel, d.important})
			}
		}
	}
}

// keep writes what was not inlined into a sheet of its own, and cuts the old ones. Where nothing was inlined they stay:
// nothing has become stronger than they are.
func (r *run) keep() error {
	plain, exotic := r.leftovers()
	if r.untouched() && len(plain)+len(exotic) > 0 {
		return nil
	}
	for _, s := range r.sheets {
		t := &r.tags[s.tag]
		r.edit(t.start, t.close, len(r.text))
	}
	kept := r.element(plain) + r.element(exotic)
	if len(kept) > maxText {
		return &LimitError{"bytes of kept rules", len(kept), maxText}
	}
	if kept != "" {
		place := r.place()
		from := len(r.text)
		r.text = append(r.text, kept...)
		r.edits = slices.Insert(r.edits, 0, edit{place, place, from, len(r.text)}) // before what is cut at the same place
	}
	return nil
}

func (r *run) untouched() bool {
	return !slices.ContainsFunc(r.sheets, func(s *style) bool { return slices.Contains(s.used, true) })
}

// leftovers are the pieces that stay, imports first. When there are media queries, the at-rules that fewer readers know
// come apart: some readers drop a whole element for one of them.
func (r *run) leftovers() (plain, exotic []string) {
	media := slices.ContainsFunc(r.sheets, func(s *style) bool {
		return slices.ContainsFunc(s.sheet.items, func(it item) bool { return it.at == "media" })
	})
	var imports []string
	for _, s := range r.sheets {
		for i := range s.sheet.items {
			switch it := &s.sheet.items[i]; {
			case it.at == "import":
				imports = append(imports, it.raw)
			case media && it.exotic():
				exotic = append(exotic, it.kept(s)...)
			default:
				plain = append(plain, it.kept(s)...)
			}
		}
	}
	return append(imports, plain...), exotic
}

func (it *item) exotic() bool {
	switch it.at {
	case "", "media", "font-face", "import":
		return false
	}
	return !strings.HasSuffix(it.at, "keyframes")
}

// kept gives the pieces of an item that stay, after its selectors were used.
func (it *item) kept(s *style) []string {
	switch {
	case it.ignored && it.at != "":
		return []string{"/* " + ignoreNext + " */ " + it.raw}
	case it.ignored:
		return []string{"/* " + ignoreNext + " */ " + it.write(nil, it.selectors, false)[0]}
	case it.at != "":
		return it.block()
	}
	left := slices.DeleteFunc(slices.Clone(it.selectors), func(sel *selector) bool { return sel.kind == static && s.used[sel.n] })
	is := func(kinds ...kind) []*selector {
		return slices.DeleteFunc(slices.Clone(left), func(sel *selector) bool { return !slices.Contains(kinds, sel.kind) })
	}
	pieces := it.write(nil, is(static, pseudoElement), false)
	pieces = it.write(pieces, is(dynamic), true)
	return it.apart(pieces, is(unknown), false)
}

// block writes an at-rule. The rules in it become important, since what they change is in the style attributes now.
func (it *item) block() []string {
	if len(it.items) == 0 {
		return []string{it.raw}
	}
	pieces := []string{it.head + " {"}
	for i := range it.items {
		in := &it.items[i]
		if in.at != "" || in.ignored {
			pieces = append(pieces, in.kept(nil)...)
			continue
		}
		strange := func(sel *selector) bool { return sel.kind == unknown }
		pieces = in.write(pieces, slices.DeleteFunc(slices.Clone(in.selectors), strange), true)
		pieces = in.apart(pieces, slices.DeleteFunc(slices.Clone(in.selectors), not(strange)), true)
	}
	return []string{strings.Join(append(pieces, "}"), "\n")}
}

// maxApart selectors of one rule are written apart: each has all declarations again.
const maxApart = 16

// apart writes the rule for selectors that we do not know, one by one: a reader drops a whole list for one selector that it
// does not know.
func (r *rule) apart(pieces []string, selectors []*selector, important bool) []string {
	for i := range selectors {
		if i == maxApart {
			return r.write(pieces, selectors[i:], important)
		}
		pieces = r.write(pieces, selectors[i:i+1], important)
	}
	return pieces
}

// write appends the rule for some of its selectors, if there are any.
func (r *rule) write(pieces []string, selectors []*selector, important bool) []string {
	if len(selectors) == 0 {
		return pieces
	}
	var b []byte
	for i, s := range selectors {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, s.text...)
	}
	list := r.list
	if important {
		list = slices.Clone(list)
		for i := range list {
			list[i].important = true
		}
	}
	return append(pieces, string(append(write(append(b, " { "...), list, false), " }"...)))
}

// element is a style element with the line ends of the source; nothing when there is nothing to say.
func (r *run) element(pieces []string) string {
	if len(pieces) == 0 {
		return ""
	}
	s := "<style type=\"text/css\">\n" + strings.Join(pieces, "\n") + "\n</style>"
	if bytes.Contains(r.src, []byte("\r\n")) {
		s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "\r\n")
	}
	return s
}

// place is where the kept sheet goes: the end of the head, else before the first element of the body, else the start.
func (r *run) place() int {
	if r.headEnd >= 0 {
		return r.headEnd
	}
	var html, head bool
	inside := r.doctypeEnd
	for i := range r.tags {
		switch t := &r.tags[i]; {
		case r.is(t, "body") && head: // which ends the head
			return t.start
		case r.is(t, "head"):
			head, html, inside = true, true, t.end
		case r.is(t, "body"), r.is(t, "html"):
			html, inside = true, t.end
		}
	}
	if first := r.first(); html && first >= 0 {
		return first
	}
	return inside
}

// first is where the first element of the body begins in the source; -1: there is none.
func (r *run) first() int {
	first := -1
	for _, e := range r.elements {
		if start := r.tags[e.tag].start; e.within && (first < 0 || start < first) {
			first = start
		}
	}
	return first
}
