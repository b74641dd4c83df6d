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
	for _, e := range r.elements {
		r.find(e)
		if r.steps < 0 {
			return &LimitError{"steps of matching", maxSteps - r.steps, maxSteps}
		}
		source, _ := attr(e.node, "style")
		own := r.own(source)
		if len(r.hits) > 0 || len(own) > 0 {
			r.list, r.before = r.merge(r.list[:0], r.hits, own), r.merge(r.before[:0], nil, own)
			same := r.style(e)
			r.rewrite(e, same)
		}
		if len(r.text) > maxText {
			return &LimitError{"bytes of style attributes", len(r.text), maxText}
		}
	}
	return nil
}

// find lists the selectors that match an element, weakest first.
func (r *run) find(e element) {
	r.hits = r.hits[:0]
	for i, s := range r.sheets {
		r.steps--
		r.pay(e.node)
		s.sheet.index.candidates(e.node, func(sel *selector) {
			r.steps--
			if (e.within || sel.keyed) && (!e.foreign || sel.named) && (sel.exact || r.match(sel, e.node)) {
				s.used[sel.n] = true
				r.hits = append(r.hits, hit{sel, i})
			}
		})
	}
	slices.SortStableFunc(r.hits, weaker)
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
func (m *matcher) merge(list []winner, hits []hit, own []declaration) []winner {
	for _, important := range []bool{false, true} {
		for _, h := range hits {
			list = m.win(list, h.rule.list, h, important)
		}
		list = m.win(list, own, hit{}, important)
	}
	return list
}

func (m *matcher) win(list []winner, block []declaration, from hit, important bool) []winner {
	for _, d := range block {
		if d.important != important || m.steps < 0 {
			continue
		}
		m.steps -= len(list) / 16
		if i := slices.IndexFunc(list, func(w winner) bool { return w.name == d.name }); i >= 0 {
			list = slices.Delete(list, i, i+1)
		}
		list = append(list, winner{d, from})
	}
	return list
}

// style makes the final declarations out of the winners, and says whether the element has them already.
func (r *run) style(e element) (same bool) {
	r.final = r.final[:0]
	same = len(r.list) == len(r.before)
	for i, w := range r.list {
		same = same && w.from.selector == nil && w.name == r.before[i].name && !strings.HasPrefix(w.name, premailer)
		for j, v := range w.values {
			if full := r.expand(v); full != v {
				w.values = slices.Clone(w.values)
				w.values[j] = full
				same = false
			}
		}
		w.important = w.important && r.contested(e.node, w)
		r.final = append(r.final, w.declaration)
	}
	return same
}

// rewrite edits a start tag.
func (r *run) rewrite(e element, same bool) {
	t := &r.tags[e.tag]
	r.attributes = attributes(r.attributes[:0], r.src, t.nameEnd, t.end)
	end := t.nameEnd
	if n := len(r.attributes); n > 0 {
		end = r.attributes[n-1].end
	}
	from := len(r.text)
	if !same {
		r.css = write(r.css[:0], r.final, true)
		i := slices.IndexFunc(r.attributes, func(a attribute) bool { return a.is("style") })
		switch {
		case i >= 0:
			r.text = quoted(append(r.text, "style="...), r.css)
			r.edit(r.attributes[i].start, r.attributes[i].end, from)
			from = len(r.text)
		case len(r.css) > 0:
			r.text = quoted(append(r.text, " style="...), r.css)
		}
	}
	for _, p := range presentation(e.node.Data, r.final) {
		if !slices.ContainsFunc(r.attributes, func(a attribute) bool { return a.is(p.name) }) {
			r.text = quoted(append(append(append(r.text, ' '), p.name...), '='), []byte(p.value))
		}
	}
	if len(r.text) > from {
		r.edit(end, end, from)
	}
}

// contested says whether something that stays in a sheet, and is or becomes important there, could beat what was important
// in the source, so that it has to stay so.
func (r *run) contested(n *html.Node, w winner) bool {
	for i, s := range r.sheets {
		for _, o := range s.sheet.rivals[w.name] {
			r.steps--
			stronger := o.important && w.from.selector != nil && weaker(w.from, hit{o.selector, i}) < 0
			if !stronger && r.match(o.selector, n) {
				return true
			}
		}
	}
	return false
}
