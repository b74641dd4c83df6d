package inline

import (
	"slices"
	"strings"

	"github.com/tdewolff/parse/v2/css"
)

// sheet is what one style element says. It is the same for all mails that have this element, and never changes.
type sheet struct {
	items  []item
	index  index
	static int // how many selectors the index has
	// ignored says that the author wants the whole element left as it is.
	ignored bool
	// vars are the custom properties with the value that the root gives them; empty when there is more than one.
	vars map[string]string
	// rivals are the selectors that stay, by the properties that they set.
	rivals map[string][]rival
}

// item is one piece of a sheet, in the order of the source: a rule, or an at-rule.
type item struct {
	rule
	at    string // its name without @, in lower case; empty: a rule
	head  string // at-rule: what stands before the block or the semicolon, name included
	raw   string // at-rule: all of it
	items []item // at-rule with rules in it
	// ignored: a comment tells that this one is not for us.
	ignored bool
}

// rule is a list of selectors, each on its own, and what they say.
type rule struct {
	selectors []*selector
	list      []declaration
	order     int // among the rules of the sheet
}

const (
	ignoreAll   = "juice ignore"
	ignoreNext  = "juice ignore next"
	ignoreStart = "juice start ignore"
	ignoreEnd   = "juice end ignore"
)

// directives follows the comments that tell what to leave alone.
type directives struct{ next, region bool }

func (d *directives) see(t text, k token) {
	if k.kind != css.CommentToken {
		return
	}
	switch comment(t.of(k)) {
	case ignoreNext:
		d.next = true
	case ignoreStart:
		d.region = true
	case ignoreEnd:
		d.region = false
	}
}

// ignored says whether the thing that follows is to be left alone.
func (d *directives) ignored() bool {
	is := d.next || d.region
	d.next = false
	return is
}

func comment(s string) string {
	return strings.Join(strings.Fields(strings.TrimSuffix(strings.TrimPrefix(s, "/*"), "*/")), " ")
}

// parseSheet reads CSS. What cannot be read is left out.
func parseSheet(src string) *sheet {
	t := read(src)
	s := &sheet{vars: map[string]string{}, rivals: map[string][]rival{}}
	first := slices.IndexFunc(t.toks, func(k token) bool { return k.kind != css.WhitespaceToken })
	if first >= 0 && t.toks[first].kind == css.CommentToken && comment(t.of(t.toks[first])) == ignoreAll {
		s.ignored = true
		return s
	}
	s.items = t.items(t.toks, 0)
	for i := range s.items {
		it := &s.items[i]
		it.order = i
		s.rival(it, false)
		s.variables(it, !it.ignored && it.at == "")
		if it.ignored {
			continue
		}
		for _, sel := range it.selectors {
			if sel.kind == static {
				sel.rule, sel.n = &it.rule, s.static
				s.static++
				s.index.add(sel)
			}
		}
	}
	return s
}

// variables notes which custom properties an item sets, and whether it sets them for the whole document, always.
func (s *sheet) variables(it *item, always bool) {
	for i := range it.items {
		s.variables(&it.items[i], false)
	}
	root := func(sel *selector) bool { return sel.text == ":root" || sel.text == "html" || sel.text == "body" }
	for _, d := range it.list {
		if !strings.HasPrefix(d.name, "--") {
			continue
		}
		value := d.values[len(d.values)-1]
		if old, known := s.vars[d.name]; known && old != value || !always || slices.ContainsFunc(it.selectors, not(root)) {
			value = ""
		}
		s.vars[d.name] = value
	}
}

func not[T any](f func(T) bool) func(T) bool { return func(v T) bool { return !f(v) } }

// maxNesting bounds at-rules within at-rules; what lies deeper is kept as text.
const maxNesting = 8

func (t text) items(toks []token, depth int) []item {
	var list []item
	var juice directives
	for i := 0; i < len(toks); {
		k := toks[i]
		switch {
		case blank(k):
			juice.see(t, k)
			i++
		case k.kind == css.CDOToken, k.kind == css.CDCToken, k.kind == css.RightBraceToken, k.kind == css.SemicolonToken:
			i++
		default:
			var found []item
			found, i = t.item(toks, i, depth)
			if ignored := juice.ignored(); ignored {
				for j := range found {
					found[j].ignored = true
				}
			}
			list = append(list, found...)
		}
	}
	return list
}

// item reads the rule or at-rule at i and tells where the next begins. What is no rule is no item; a rule with
// declarations that are to be left alone is two.
func (t text) item(toks []token, i, depth int) ([]item, int) {
	end := until(toks, i, func(k token) bool {
		return k.kind == css.LeftBraceToken || k.kind == css.SemicolonToken || k.kind == css.RightBraceToken
	})
	head, next, body := trim(toks[i:end]), end+1, []token(nil)
	if end < len(toks) && toks[end].kind == css.LeftBraceToken {
		next = block(toks, end) + 1
		body = toks[end:min(next, len(toks))]
	}
	switch {
	case toks[i].kind == css.AtKeywordToken:
		return t.atRule(head, body, depth), next
	case body == nil:
		return nil, next
	}
	selectors := t.selectors(head)
	list, ignored := t.declarations(body[1 : len(body)-1])
	var found []item
	if len(selectors) > 0 && len(list) > 0 {
		found = append(found, item{rule: rule{selectors: selectors, list: list}})
	}
	if len(selectors) > 0 && len(ignored) > 0 {
		found = append(found, item{rule: rule{selectors: t.selectors(head), list: ignored}, ignored: true})
	}
	return found, next
}

// atRule reads an at-rule: its name and what belongs to it, and its block with both braces if it has one.
func (t text) atRule(head, body []token, depth int) []item {
	it := item{at: strings.ToLower(t.of(head[0])[1:]), head: t.value(head), raw: t.value(head) + ";"}
	if slices.ContainsFunc(head, t.bad) || it.at == "charset" {
		return nil
	}
	if body == nil {
		return []item{it}
	}
	it.raw = it.head + " " + t.part(body)
	switch it.at {
	case "media", "supports", "container":
		if depth < maxNesting {
			it.items = t.items(body[1:len(body)-1], depth+1)
		}
		if depth < maxNesting && len(it.items) == 0 {
			return nil
		}
	}
	return []item{it}
}
