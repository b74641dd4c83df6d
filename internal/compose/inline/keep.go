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
func (r *run) keep() {
	plain, exotic := r.leftovers()
	if r.untouched() && len(plain)+len(exotic) > 0 {
		return
	}
	for _, s := range r.sheets {
		t := &r.tags[s.tag]
		r.edit(t.start, t.close, len(r.text))
	}
	if kept := r.element(plain) + r.element(exotic); kept != "" {
		place := r.place()
		from := len(r.text)
		r.text = append(r.text, kept...)
		r.edits = slices.Insert(r.edits, 0, edit{place, place, from, len(r.text)}) // before what is cut at the same place
	}
}

func (r *run) untouched() bool {
	return !slices.ContainsFunc(r.sheets, func(s *style) bool { return slices.Contains(s.used, true) })
}

// leftovers are the pieces that stay, imports first. When there are media queries, the at-rules that fewer readers know
// come apart: some readers drop a whole element for one of them.
func (r *run) leftovers() (plain, exotic []string) {
	var imports, pieces, strange []string
	media := false
	for _, s := range r.sheets {
		for i := range s.sheet.items {
			it := &s.sheet.items[i]
			media = media || it.at == "media"
			switch {
			case it.at == "import":
				imports = append(imports, it.raw)
			case it.exotic():
				strange = append(strange, it.kept(s)...)
			default:
				pieces = append(pieces, it.kept(s)...)
			}
		}
	}
	if media {
		return append(imports, pieces...), strange
	}
	return append(imports, r.inOrder()...), nil
}

// inOrder are the pieces but for imports, in the order of the source.
func (r *run) inOrder() []string {
	var pieces []string
	for _, s := range r.sheets {
		for i := range s.sheet.items {
			if it := &s.sheet.items[i]; it.at != "import" {
				pieces = append(pieces, it.kept(s)...)
			}
		}
	}
	return pieces
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
		return []string{"/* " + ignoreNext + " */ " + it.write(it.selectors, false)}
	case it.at != "":
		return it.block()
	}
	var still, active []*selector
	var pieces []string
	for _, sel := range it.selectors {
		switch {
		case sel.kind == static && s.used[sel.n]:
		case sel.kind == dynamic:
			active = append(active, sel)
		case sel.kind == unknown: // apart, since a reader drops a whole list for one selector that it does not know
			pieces = append(pieces, it.write([]*selector{sel}, false))
		default:
			still = append(still, sel)
		}
	}
	if len(active) > 0 {
		pieces = slices.Insert(pieces, 0, it.write(active, true))
	}
	if len(still) > 0 {
		pieces = slices.Insert(pieces, 0, it.write(still, false))
	}
	return pieces
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
		known := slices.DeleteFunc(slices.Clone(in.selectors), func(s *selector) bool { return s.kind == unknown })
		if len(known) > 0 {
			pieces = append(pieces, in.write(known, true))
		}
		for _, sel := range in.selectors {
			if sel.kind == unknown {
				pieces = append(pieces, in.write([]*selector{sel}, true))
			}
		}
	}
	return []string{strings.Join(append(pieces, "}"), "\n")}
}

// write writes a rule.
func (r *rule) write(selectors []*selector, important bool) string {
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
	return string(append(write(append(b, " { "...), list, false), " }"...))
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
	first := len(r.src)
	for _, e := range r.elements {
		if e.within {
			first = min(first, r.tags[e.tag].start)
		}
	}
	head, inside := false, r.doctypeEnd
	for i := range r.tags {
		t := &r.tags[i]
		body := r.is(t, "body")
		switch {
		case body && head:
			return t.start
		case body, r.is(t, "html"), r.is(t, "head"):
			head, inside = head || r.is(t, "head"), t.end
		}
	}
	if first < len(r.src) && inside != r.doctypeEnd {
		return first
	}
	return inside
}
