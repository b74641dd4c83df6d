package block

import (
	"math"
	"strconv"

	"posthoorn/internal/compose/node"
)

const cells = 12 // of the grid

// columns stand side by side where there is room, and below one another on small screens.
type columns struct {
	font font
	list []column
}

type column struct {
	blocks     []block
	size       int // cells; 0: what is left
	share      float64
	background string
	container  direct
}

func (p *parser) columns(v *node.Value) body {
	items := p.problems.List(v.Get("columns"))
	switch {
	case p.inColumn:
		p.problems.Add(v, "columns inside of columns")
		return nil
	case len(items) == 0 || len(items) > cells:
		p.problems.Add(v, "2 to 12 columns are expected")
		return nil
	}
	p.inColumn = true
	c := &columns{font: p.font(v.Get("font"))}
	for i := range items {
		c.list = append(c.list, p.column(&items[i]))
	}
	p.inColumn = false
	c.shareOut()
	return c
}

func (p *parser) column(v *node.Value) column {
	v = p.problems.Object(v)
	size := v.Get("size")
	c := column{
		blocks:     p.blocks(v.Get("blocks")),
		size:       p.problems.Int(size, 0),
		background: p.background(v.Get("background")),
		container:  p.direct(p.problems.Object(v.Get("container"))),
	}
	if size != nil && (c.size < 1 || c.size > cells) {
		p.problems.Add(size, "a size from 1 to 12 is expected")
		c.size = 0
	}
	return c
}

// shareOut gives each column its part of the row. Those without a size share what the others leave.
func (c *columns) shareOut() {
	sum, open := 0, 0
	for _, k := range c.list {
		if sum += k.size; k.size == 0 {
			open++
		}
	}
	rest := 0.0
	if open > 0 {
		rest = math.Max(1, float64(cells-sum)/float64(open))
	}
	total := math.Max(cells, float64(sum)+rest*float64(open))
	for i := range c.list {
		k := &c.list[i]
		if k.share = float64(k.size) / total; k.size == 0 {
			k.share = rest / total
		}
	}
}

// cell leaves no room for the white space between the columns.
func (c *columns) cell(*builder, frame) style { return style{{"font-size", "0"}} }

// write writes the hybrid of section 6: boxes as wide as the screen with a limit in pixels, and a table for Outlook.
func (c *columns) write(b *builder, f frame) {
	f.font = c.font.or(f.font)
	b.html("\n" + `<!--[if mso | IE]><table role="presentation" width="` + strconv.Itoa(f.pixels()) +
		`" cellpadding="0" cellspacing="0" border="0"><tr>`)
	edge, done := 0.0, 0
	for i := range c.list {
		k := &c.list[i]
		edge += k.share * f.width
		width := int(math.Round(edge)) - done
		done += width
		b.html(`<td width="` + strconv.Itoa(width) + `" valign="top"><![endif]-->` + "\n")
		k.write(b, f)
		b.html("<!--[if mso | IE]></td>")
	}
	if rest := f.pixels() - done; rest > 0 {
		b.html(`<td width="` + strconv.Itoa(rest) + `">&nbsp;</td>`)
	}
	b.html("</tr></table><![endif]-->\n")
}

func (k *column) write(b *builder, f frame) {
	width := k.share * f.width
	// Rounded down: otherwise they could be more than the row together, and the last one would not fit into it.
	limit := number(math.Floor(width*100+1e-6)/100) + "px"
	b.tag("div", attributes{{"class", "re-col"}}, style{
		{"display", "inline-block"}, {"vertical-align", "top"}, {"width", "100%"}, {"max-width", limit},
		{"font-size", either(b.one(f.font.size), "medium")},
	})
	color := b.one(k.background)
	b.table(nil, nil)
	b.tag("td", attributes{{"align", "left"}, {"valign", "top"}, {"bgcolor", solid(color)}}, style{{"background-color", color}}, k.container)
	b.html("\n")
	f.width = math.Max(1, width)
	b.blocks(k.blocks, f)
	b.html("</td></tr></table></div>\n")
}

// box is a container: blocks that share a background and space.
type box struct {
	font   font
	blocks []block
}

func (p *parser) box(v *node.Value) body {
	return &box{p.font(v.Get("font")), p.blocks(v.Get("blocks"))}
}

func (x *box) write(b *builder, f frame) {
	f.font = x.font.or(f.font)
	b.html("\n")
	b.blocks(x.blocks, f)
}
