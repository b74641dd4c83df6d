package block

import (
	"slices"
	"strconv"
	"strings"

	"posthoorn/internal/compose/node"
)

// builder writes the HTML of one document. The strings that it is given may be templates: see escape.go.
type builder struct {
	out      []byte
	have     Resources
	needs    Needs
	options  *Options
	problems *node.Problems
	content  *Content
	parser   parser   // of imports
	imports  []string // URLs of the imports that we are in
	rewrite  []rules  // in force: those of the page, then those of the block
	matching int      // how many tests of rules are left
	reading  int      // how many bytes of resources may still be read
	images   int
	embedded []Image
	ids      map[string]string // of embedded images by URL
	hidden   bool              // in a block for small screens only
	full     bool
}

// plain is a string of the document with the data in it, for decisions that cannot wait until the HTML is rendered.
func (b *builder) plain(at *node.Value, s string) string {
	if !b.templated(s) {
		return s
	}
	out, err := b.options.Render(s)
	if err != nil {
		b.problems.AddError(&node.Error{Path: at.Path(), Text: "template", Cause: err})
	}
	return out
}

func (b *builder) note(at *node.Value, text string) {
	if b.options.Note != nil {
		b.options.Note(at.Path(), shown(text))
	}
}

// html writes what we wrote ourselves.
func (b *builder) html(s string) { b.out = append(b.out, s...) }

// attributes and declarations that we give a tag.
type (
	attributes []pair
	style      []pair
)

// tag opens an element. An attribute or declaration without value is left out. What the document says about the tag comes after
// ours: its attributes replace ours, but classes are joined and styles appended.
func (b *builder) tag(name string, ours attributes, css style, theirs ...direct) {
	b.out = append(append(b.out, '<'), name...)
	for _, a := range ours {
		if (a.value != "" || a.name == "alt") && (a.name == "class" || !given(theirs, a.name)) {
			b.attribute(a.name, a.value, classes(theirs, a.name))
		}
	}
	b.style(css, theirs)
	for i, d := range theirs {
		for _, a := range d.attributes {
			if !isOurs(ours, a.name) && !given(theirs[i+1:], a.name) {
				b.attribute(a.name, a.value, "")
			}
		}
	}
	b.out = append(b.out, '>')
}

// isOurs says that an attribute of the document has been written with ours, or with the style.
func isOurs(ours attributes, name string) bool {
	if strings.EqualFold(name, "class") {
		return slices.ContainsFunc(ours, func(p pair) bool { return p.name == "class" && p.value != "" })
	}
	return strings.EqualFold(name, "style")
}

func given(theirs []direct, name string) bool {
	for _, d := range theirs {
		if slices.ContainsFunc(d.attributes, func(p pair) bool { return strings.EqualFold(p.name, name) }) {
			return true
		}
	}
	return false
}

// classes are those that the document adds to one of ours.
func classes(theirs []direct, name string) string {
	var more string
	for _, d := range theirs {
		for _, a := range d.attributes {
			if name == "class" && strings.EqualFold(a.name, "class") {
				more += " " + a.value
			}
		}
	}
	return more
}

func (b *builder) attribute(name, value, more string) {
	b.out = append(append(append(b.out, ' '), name...), `="`...)
	b.text(value)
	b.text(more)
	b.out = append(b.out, '"')
}

func (b *builder) style(css style, theirs []direct) {
	start := len(b.out)
	b.html(` style="`)
	empty := len(b.out)
	for _, d := range css {
		b.declaration(d.name, d.value)
	}
	for _, t := range theirs {
		for _, d := range t.css {
			b.declaration(d.name, d.value)
		}
	}
	for _, t := range theirs {
		for _, a := range t.attributes {
			if strings.EqualFold(a.name, "style") {
				b.separate()
				b.text(strings.TrimRight(a.value, "; "))
			}
		}
	}
	if len(b.out) == empty {
		b.out = b.out[:start]
		return
	}
	b.html(`"`)
}

func (b *builder) declaration(name, value string) {
	if value == "" {
		return
	}
	b.separate()
	b.html(name)
	b.html(": ")
	b.text(value)
}

// separate ends the declaration before the next one.
func (b *builder) separate() {
	if b.out[len(b.out)-1] != '"' {
		b.html("; ")
	}
}

// one cuts a value of a declaration of ours that comes from the document where another declaration would begin.
func (b *builder) one(value string) string {
	if !strings.Contains(value, ";") {
		return value
	}
	before, _ := b.marked(value).cut(";")
	return before.text
}

// table opens a table for layout, its row and nothing else.
func (b *builder) table(ours attributes, css style, theirs ...direct) {
	all := append(attributes{{"class", ""}, {"role", "presentation"}, {"width", "100%"}, {"cellpadding", "0"}, {"cellspacing", "0"},
		{"border", "0"}}, ours...)
	if b.hidden {
		css = append(css, pair{"mso-hide", "all"})
	}
	b.tag("table", merged(all), css, theirs...)
	b.html("<tr>\n")
}

// merged keeps the last of equal names, in the place of the first.
func merged(list attributes) attributes {
	out := list[:0]
next:
	for _, p := range list {
		for i := range out {
			if out[i].name == p.name {
				out[i].value = p.value
				continue next
			}
		}
		out = append(out, p)
	}
	return out
}

// css of a font.
func (b *builder) font(f font) style {
	return style{{"font-family", b.one(f.family)}, {"font-size", b.one(f.size)}, {"line-height", b.one(f.lineHeight)},
		{"color", b.one(f.color)}, {"font-weight", b.one(f.weight)}}
}

// solid is a colour for the bgcolor attribute, which knows nothing of transparency.
func solid(color string) string {
	c := strings.ToLower(strings.TrimSpace(color))
	if c == "transparent" || strings.HasPrefix(c, "rgba") {
		return ""
	}
	return color
}

// number writes a number with two decimals at most.
func number(f float64) string {
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(f, 'f', 2, 64), "0"), ".")
}
