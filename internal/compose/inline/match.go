package inline

import (
	"strings"

	"golang.org/x/net/html"
)

// index files static selectors under what their last compound asks for, so that an element meets few of them.
type index struct {
	id, class, tag map[string][]*selector
	rest           []*selector
}

func (x *index) add(s *selector) {
	if x.id == nil {
		x.id, x.class, x.tag = map[string][]*selector{}, map[string][]*selector{}, map[string][]*selector{}
	}
	switch {
	case s.id != "":
		x.id[s.id] = append(x.id[s.id], s)
	case s.class != "":
		x.class[s.class] = append(x.class[s.class], s)
	case s.tag != "":
		x.tag[s.tag] = append(x.tag[s.tag], s)
	default:
		x.rest = append(x.rest, s)
	}
}

// candidates calls try for each selector that an element may match.
func (x *index) candidates(n *html.Node, try func(*selector)) {
	all := func(list []*selector) {
		for _, s := range list {
			try(s)
		}
	}
	for _, a := range n.Attr {
		switch a.Key {
		case "id":
			all(x.id[a.Val])
		case "class":
			for name := range strings.FieldsFuncSeq(a.Val, func(c rune) bool { return c < 0x80 && space(byte(c)) }) {
				all(x.class[name])
			}
		}
	}
	all(x.tag[n.Data])
	all(x.rest)
}

// matcher matches selectors on the tree, with a bound on the steps.
type matcher struct{ steps int }

// What is known after a failed match: whether another place to begin from can still help.
type verdict int

const (
	matched  verdict = iota
	here             // not this element; try the next
	siblings         // none of its siblings to the left
	never            // no element further up either
)

func (m *matcher) match(s *selector, n *html.Node) bool {
	return m.from(s.parts, n) == matched
}

// from matches the last compound on n, and those before it on the elements around it. The verdicts keep it from trying
// again what cannot succeed: without them a chain of descendants would take a time that grows with the power of its length.
func (m *matcher) from(parts []compound, n *html.Node) verdict {
	c := &parts[len(parts)-1]
	if !m.test(c, n) {
		return here
	}
	if parts = parts[:len(parts)-1]; len(parts) == 0 {
		return matched
	}
	switch c.combinator {
	case '>':
		if n = parent(n); n == nil {
			return never
		}
		return m.from(parts, n)
	case '+':
		if n = previous(n); n == nil {
			return siblings
		}
		return m.from(parts, n)
	case '~':
		for n = previous(n); n != nil; n = previous(n) {
			if v := m.from(parts, n); v != here {
				return v
			}
		}
		return siblings
	}
	for n = parent(n); n != nil; n = parent(n) {
		if v := m.from(parts, n); v == matched || v == never {
			return v
		}
	}
	return never
}

// test matches one compound on one element and pays for it.
func (m *matcher) test(c *compound, n *html.Node) bool {
	if m.steps--; m.steps < 0 {
		return false
	}
	if c.matcher == nil {
		return true
	}
	if c.siblings {
		for s := n.Parent.FirstChild; s != nil; s = s.NextSibling {
			m.steps--
		}
	}
	if c.subtree {
		for range n.Descendants() {
			m.steps--
		}
	}
	m.pay(n)
	return m.steps >= 0 && c.matcher.Match(n)
}

// pay takes the steps of going through the attributes of an element.
func (m *matcher) pay(n *html.Node) {
	m.steps -= len(n.Attr) / 8
	for _, a := range n.Attr {
		m.steps -= len(a.Val) / 16
	}
}

func parent(n *html.Node) *html.Node {
	if n.Parent == nil || n.Parent.Type != html.ElementNode {
		return nil
	}
	return n.Parent
}

// previous is the element before n among its siblings.
func previous(n *html.Node) *html.Node {
	for n = n.PrevSibling; n != nil && n.Type != html.ElementNode; n = n.PrevSibling {
	}
	return n
}
