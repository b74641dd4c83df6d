package inline

import (
	"bytes"
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

// number is the private attribute that leads from an element of the tree to its start tag in the source.
const number = ":n"

// document is the source, with its start tags, and the tree that the HTML parser makes of it.
type document struct {
	src  []byte
	tags []tag
	// headEnd is where </head> begins; -1: nowhere.
	headEnd int
	// doctypeEnd is where the doctype ends, if it comes before all tags.
	doctypeEnd int

	elements []element
	styles   []*style // all style elements, in the order of the source
}

// tag is a start tag in the source.
type tag struct {
	start, nameEnd, end int
	// The content of a style element and where its end tag ends.
	textEnd, close int
	seen           bool
}

// element is one that can have a style attribute.
type element struct {
	node *html.Node
	tag  int
	// within: it lies in the body. foreign: in svg or math.
	within, foreign bool
}

// style is a style element of the tree.
type style struct {
	node  *html.Node
	tag   int
	sheet *sheet // nil: it is not read
	used  []bool // which of its selectors have matched
}

// parseDocument finds the tags, then builds the tree from a copy in which each has a number.
func parseDocument(src []byte) (*document, error) {
	d := &document{src: src, headEnd: -1, tags: make([]tag, 0, bytes.Count(src, []byte("<")))}
	d.scan()
	if len(d.tags) > maxElements {
		return nil, &LimitError{"elements", len(d.tags), maxElements}
	}
	root, err := html.Parse(bytes.NewReader(d.numbered()))
	if err != nil {
		return nil, &LimitError{"levels of nesting", maxDepth + 1, maxDepth} // the only error that the parser has by itself
	}
	d.elements = make([]element, 0, len(d.tags))
	if err := d.collect(root); err != nil {
		return nil, err
	}
	return d, nil
}

// scan runs the tokenizer over the source.
func (d *document) scan() {
	z := html.NewTokenizer(bytes.NewReader(d.src))
	for at, inStyle, head := 0, false, false; ; {
		kind := z.Next()
		if kind == html.ErrorToken {
			return
		}
		start := at
		at += len(z.Raw())
		switch kind {
		case html.DoctypeToken:
			if len(d.tags) == 0 {
				d.doctypeEnd = at
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			d.tags = append(d.tags, tag{start: start, nameEnd: nameEnd(d.src, start), end: at, textEnd: at, close: at})
			t := &d.tags[len(d.tags)-1]
			inStyle = d.is(t, "style")
			head = head || d.is(t, "head")
		case html.TextToken:
			if inStyle {
				t := &d.tags[len(d.tags)-1]
				t.textEnd, t.close = at, at
			}
		case html.EndTagToken:
			if inStyle {
				d.tags[len(d.tags)-1].close = at
			}
			inStyle = false
			if head && d.headEnd < 0 && prefix(d.src[start+2:], "head") && nameEnd(d.src, start+1) == start+6 {
				d.headEnd = start
			}
		}
	}
}

func (d *document) is(t *tag, name string) bool {
	return t.nameEnd-t.start-1 == len(name) && prefix(d.src[t.start+1:], name)
}

// prefix says that b begins with a name, in any case.
func prefix(b []byte, name string) bool {
	return len(b) >= len(name) && strings.EqualFold(string(b[:len(name)]), name)
}

func (d *document) numbered() []byte {
	b := make([]byte, 0, len(d.src)+len(d.tags)*(len(number)+10))
	from := 0
	for i, t := range d.tags {
		b = append(b, d.src[from:t.nameEnd]...)
		b = append(append(append(b, ' '), number...), '=')
		b = append(strconv.AppendInt(append(b, '"'), int64(i), 10), '"', ' ')
		from = t.nameEnd
	}
	return append(b, d.src[from:]...)
}

// collect lists the elements that can be styled and the style elements.
func (d *document) collect(root *html.Node) error {
	depth := 0
	within := false // the body
	for n := root.FirstChild; n != nil; {
		inside := d.visit(n, within)
		if n.Data == "body" && n.Parent != nil && n.Parent.Parent == root {
			within = true
		}
		if inside && n.FirstChild != nil {
			if n, depth = n.FirstChild, depth+1; depth > maxDepth {
				return &LimitError{"levels of nesting", depth, maxDepth}
			}
			continue
		}
		for n != root && n.NextSibling == nil {
			n, depth = n.Parent, depth-1
		}
		if n == root {
			break
		}
		n = n.NextSibling
	}
	return nil
}

// visit takes a node into the lists and says whether to look inside.
func (d *document) visit(n *html.Node, within bool) bool {
	if n.Type != html.ElementNode {
		return false
	}
	t := d.pop(n)
	known := t >= 0 && !d.tags[t].seen
	if known {
		d.tags[t].seen = true
	}
	foreign := n.Namespace != ""
	switch {
	case foreign:
	case n.Data == "style":
		if known {
			d.styles = append(d.styles, &style{node: n, tag: t})
		}
		return false
	case n.Data == "head":
		return true
	case n.Data == "script", n.Data == "noscript", n.Data == "template", n.Data == "title", n.Data == "meta":
		return false
	}
	if known && (within || n.Data == "html" || n.Data == "body") {
		d.elements = append(d.elements, element{n, t, within, foreign})
	}
	return true
}

// pop takes the number out of an element; -1: it has none.
func (d *document) pop(n *html.Node) int {
	num := -1
	rest := n.Attr[:0]
	for _, a := range n.Attr {
		if a.Key != number {
			rest = append(rest, a)
		} else if i, err := strconv.Atoi(a.Val); num < 0 && err == nil && i >= 0 && i < len(d.tags) {
			num = i
		}
	}
	n.Attr = rest
	return num
}

func attr(n *html.Node, key string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val, true
		}
	}
	return "", false
}
