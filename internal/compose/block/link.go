package block

import "posthoorn/internal/compose/node"

type link struct {
	url    string
	title  string
	label  string
	params []pair
	direct direct // attributes alone
}

// link is nil if there is none.
func (p *parser) link(v *node.Value) *link {
	switch {
	case v == nil:
		return nil
	case v.Kind != node.Object:
		return &link{url: p.problems.String(v)}
	}
	return &link{
		url:    p.problems.String(v.Get("url")),
		title:  p.problems.String(v.Get("title")),
		label:  p.problems.String(v.Get("label")),
		params: p.params(v),
		direct: direct{attributes: p.pairs(v.Get("attributes"))},
	}
}

func (l *link) empty() bool { return l == nil || l.url == "" }

// target is the URL of a link, rewritten and with its parameters.
func (b *builder) target(l *link) string {
	m := b.rewritten(b.marked(l.url))
	if len(l.params) == 0 {
		return m.text
	}
	a := parseAddress(m)
	b.setParams(&a, l.params)
	return a.whole().text
}

// linked writes what is inside, as a link if there is one to go to.
func (b *builder) linked(l *link, css style, inside func(), theirs ...direct) {
	if l.empty() {
		inside()
		return
	}
	b.tag("a", attributes{{"href", b.target(l)}, {"title", l.title}, {"target", "_blank"}}, css, append([]direct{l.direct}, theirs...)...)
	inside()
	b.html("</a>")
}

// linkBlock is a link that stands alone.
type linkBlock struct {
	label  string
	link   *link
	font   font
	a      direct
	direct direct
}

func (p *parser) linkBlock(v *node.Value) body {
	l := p.link(v.Get("link"))
	if l.empty() {
		l = p.link(v.Get("url"))
	}
	if l == nil {
		l = &link{}
	}
	return &linkBlock{
		label: either(p.problems.String(v.Get("label")), either(l.label, l.url)), link: l,
		font: p.font(v.Get("font")), a: p.direct(p.problems.Object(v.Get("a"))), direct: p.direct(v),
	}
}

func (l *linkBlock) cell(b *builder, f frame) style { return b.font(l.font.or(f.font)) }

func (l *linkBlock) write(b *builder, f frame) {
	b.linked(l.link, b.font(l.font.or(f.font)), func() { b.text(l.label) }, l.direct, l.a)
}

// button is a link in a coloured table.
type button struct {
	label   string
	link    *link
	color   string
	size    sides
	radius  string
	font    font
	a       direct
	direct  direct
	ownFont bool // the block itself says which colour the label has
}

var radii = map[string]string{"radius": "3px", "round": "500px"}

func (p *parser) button(v *node.Value) body {
	font := p.font(v.Get("font"))
	return &button{
		label:   p.problems.String(v.Get("label")),
		link:    p.link(v.Get("link")),
		color:   either(p.problems.String(v.Get("color")), "#2ba6cb"),
		size:    p.sides(v.Get("size"), sides{top: 8, bottom: 8}),
		radius:  radii[p.problems.String(v.Get("corners"))],
		font:    font,
		a:       p.direct(p.problems.Object(v.Get("a"))),
		direct:  p.direct(v),
		ownFont: font.color != "",
	}
}

func (k *button) write(b *builder, f frame) {
	color, padding, width := b.one(k.color), k.size.css(), ""
	font := k.font.or(f.font)
	if !k.ownFont {
		font.color = "#ffffff"
	}
	if f.align == "" {
		width = "100%"
	}
	b.table(attributes{{"width", width}}, style{{"border-collapse", "separate"}, {"width", width}}, k.direct)
	b.tag("td", attributes{{"align", "center"}, {"valign", "middle"}, {"bgcolor", solid(color)}},
		style{{"background-color", color}, {"border-radius", k.radius}, {"mso-padding-alt", padding}})
	css := append(style{{"display", "block"}, {"padding", padding}, {"background-color", color}, {"border-radius", k.radius},
		{"text-align", "center"}, {"text-decoration", "none"}}, b.font(font)...)
	if k.link.empty() {
		b.tag("span", nil, css, k.a)
		b.text(k.label)
		b.html("</span>")
	} else {
		b.linked(k.link, css, func() { b.text(k.label) }, k.a)
	}
	b.html("</td></tr></table>\n")
}
