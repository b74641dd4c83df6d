package block

import (
	"slices"
	"strconv"

	"posthoorn/internal/compose/node"
)

// spacer is empty room.
type spacer struct {
	height int
	direct direct
}

func (p *parser) spacer(v *node.Value) body {
	return &spacer{max(0, p.problems.Int(v.Get("height"), 50)), p.direct(v)}
}

func (s *spacer) write(b *builder, f frame) {
	height := px(s.height)
	b.table(nil, nil)
	b.tag("td", attributes{{"height", strconv.Itoa(s.height)}}, style{
		{"height", height}, {"line-height", height}, {"font-size", "1px"}, {"mso-line-height-rule", "exactly"},
	}, s.direct)
	b.html("&nbsp;</td></tr></table>")
}

// separator is a line.
type separator struct {
	color  string
	style  string
	height int
	direct direct
}

var lineStyles = []string{"solid", "dotted", "dashed", "double", "groove", "ridge", "inset", "outset"}

func (p *parser) separator(v *node.Value) body {
	s := &separator{
		color:  either(p.problems.String(v.Get("color")), "#cccccc"),
		style:  p.problems.String(v.Get("style")),
		height: max(0, p.problems.Int(v.Get("height"), 4)),
		direct: p.direct(v),
	}
	if !slices.Contains(lineStyles, s.style) {
		s.style = "solid"
	}
	return s
}

// write writes a box with a border. Outlook does not keep such a box flat, so it gets a table.
func (s *separator) write(b *builder, f frame) {
	border := px(s.height) + " " + s.style + " " + b.one(s.color)
	b.html("\n<!--[if mso]>")
	b.table(attributes{{"width", strconv.Itoa(f.pixels())}}, style{{"border-top", border}})
	b.html(`<td style="height: 0; line-height: 0; font-size: 1px">&nbsp;</td></tr></table><![endif]--><!--[if !mso]><!-->` + "\n")
	b.tag("div", nil, style{{"border-top", border}, {"font-size", "1px"}, {"line-height", "1px"}, {"height", "0"}}, s.direct)
	b.html("&nbsp;</div>\n<!--<![endif]-->")
}
