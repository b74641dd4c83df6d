package inline

import (
	"cmp"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// hit is a selector that matches an element.
type hit struct {
	*selector
	sheet int
}

// weaker orders hits by their strength: specificity, then place in the source.
func weaker(a, b hit) int {
	return cmp.Or(slices.Compare(a.spec[:], b.spec[:]), cmp.Compare(a.sheet, b.sheet), cmp.Compare(a.rule.order, b.rule.order))
}

// winner is a declaration that counts, and the rule that it comes from; without one it is the element's own.
type winner struct {
	declaration
	from hit
}

// cascade finds for each element what its style is to be, and writes it.
func (r *run) cascade() error {
	r.owns = map[string][]declaration{}
	r.variables()
	var hits []hit
	for _, e := range r.elements {
		hits = r.hits(e, hits[:0])
		if r.steps < 0 {
			return &LimitError{"steps of matching", maxSteps - r.steps, maxSteps}
		}
		source, _ := attr(e.node, "style")
		own := r.own(source)
		if len(hits) > 0 || len(own) > 0 {
			r.style(e, own, merge(hits, own), merge(nil, own))
		}
	}
	return nil
}

// hits lists the selectors that match an element, weakest first.
func (r *run) hits(e element, hits []hit) []hit {
	for i, s := range r.sheets {
		s.sheet.index.candidates(e.node, func(sel *selector) {
			if (e.within || sel.keyed) && (!e.foreign || sel.named) && r.match(sel, e.node) {
				s.used[sel.n] = true
				hits = append(hits, hit{sel, i})
			}
		})
	}
	slices.SortStableFunc(hits, weaker)
	return hits
}

// own reads a style attribute.
func (r *run) own(source string) []declaration {
	if source == "" {
		return nil
	}
	list, known := r.owns[source]
	if !known {
		t := read(source)
		var ignored []declaration
		list, ignored = t.declarations(t.toks)
		list = append(list, ignored...)
		r.owns[source] = list
	}
	return list
}

// merge lets the declarations win in the order of the cascade (CSS Cascade 4, 6): the weakest winner comes first.
func merge(hits []hit, own []declaration) []winner {
	var list []winner
	for _, important := range []bool{false, true} {
		for _, h := range hits {
			list = win(list, h.rule.list, h, important)
		}
		list = win(list, own, hit{}, important)
	}
	return list
}

func win(list []winner, block []declaration, from hit, important bool) []winner {
	for _, d := range block {
		if d.important != important {
			continue
		}
		if i := slices.IndexFunc(list, func(w winner) bool { return w.name == d.name }); i >= 0 {
			list = slices.Delete(list, i, i+1)
		}
		list = append(list, winner{d, from})
	}
	return list
}

// style writes the style of an element, if it is not what the element has, and the attributes that it leads to.
func (r *run) style(e element, own []declaration, list, before []winner) {
	var final []declaration
	same := len(list) == len(before)
	for i, w := range list {
		same = same && w.from.selector == nil && w.name == before[i].name && !strings.HasPrefix(w.name, premailer)
		for j, v := range w.values {
			if full := r.expand(v); full != v {
				w.values = slices.Clone(w.values)
				w.values[j] = full
				same = false
			}
		}
		w.important = w.important && r.contested(e.node, w)
		final = append(final, w.declaration)
	}
	r.rewrite(e, final, same)
}

// rewrite edits a start tag.
func (r *run) rewrite(e element, final []declaration, same bool) {
	t := &r.tags[e.tag]
	attrs := attributes(r.src, t.nameEnd, t.end)
	end := t.nameEnd
	if len(attrs) > 0 {
		end = attrs[len(attrs)-1].end
	}
	at := slices.IndexFunc(attrs, func(a attribute) bool { return a.name == "style" })
	var b []byte
	if !same {
		kept := slices.DeleteFunc(slices.Clone(final), func(d declaration) bool { return strings.HasPrefix(d.name, premailer) })
		css := string(write(nil, inAttribute(kept)))
		switch {
		case at >= 0:
			r.edits = append(r.edits, edit{attrs[at].start, attrs[at].end, string(quoted([]byte("style="), css))})
		case css != "":
			b = quoted(append(b, " style="...), css)
		}
	}
	for _, p := range presentation(e.node.Data, final) {
		if !slices.ContainsFunc(attrs, func(a attribute) bool { return a.name == p.name }) {
			b = quoted(append(append(append(b, ' '), p.name...), '='), p.value)
		}
	}
	if len(b) > 0 {
		r.edits = append(r.edits, edit{end, end, string(b)})
	}
}

// inAttribute gives values the quotes that need no escapes in an attribute, where they mean the same.
func inAttribute(list []declaration) []declaration {
	for i, d := range list {
		for j, v := range d.values {
			if strings.Contains(v, `"`) && !strings.Contains(v, "'") {
				d.values = slices.Clone(d.values)
				d.values[j] = strings.ReplaceAll(v, `"`, "'")
			}
		}
		list[i] = d
	}
	return list
}

// contested says whether something that stays in a sheet, and is or becomes important there, could beat what was important
// in the source, so that it has to stay so.
func (r *run) contested(n *html.Node, w winner) bool {
	for i, s := range r.sheets {
		for _, o := range s.sheet.rivals[w.name] {
			stronger := o.important && w.from.selector != nil && weaker(w.from, hit{o.selector, i}) < 0
			if !stronger && r.match(o.selector, n) {
				return true
			}
		}
	}
	return false
}
