package block

import (
	"math"

	"posthoorn/internal/compose/node"
)

// frame is where a block stands: how many pixels wide its place is, and what it inherits.
type frame struct {
	width float64
	font  font
	align string // of the block; empty for the default, left
	at    *node.Value
}

func (f frame) pixels() int { return max(1, int(math.Round(f.width))) }

// blocks writes blocks below one another.
func (b *builder) blocks(list []block, f frame) {
	for i := range list {
		b.block(&list[i], f)
	}
}

// block writes the cell of a block with its space outside and inside, and the block in it.
func (b *builder) block(k *block, f frame) {
	if b.full || len(b.out) > maxOutput {
		if !b.full {
			b.problems.Add(k.at, "the HTML is too large")
		}
		b.full = true
		return
	}
	hidden, rewrite := b.hidden, b.rewrite
	b.hidden = b.hidden || k.device == "mobile"
	b.rewrite = append(b.rewrite[:len(rewrite):len(rewrite)], k.rewrite)
	b.cell(k, f)
	b.hidden, b.rewrite = hidden, rewrite
}

func (b *builder) cell(k *block, f frame) {
	f.width = max(1, f.width-k.margin.width()-k.padding.width())
	f.align, f.at = k.align, k.at
	margin := k.margin.css()
	class, css := k.visibility()
	if margin != "" {
		b.table(class, css)
		b.tag("td", nil, style{{"padding", margin}})
		class, css = nil, nil
	}
	b.table(class, css)
	ours := style{{"background-color", b.one(k.background)}, {"padding", k.padding.css()}}
	if own, ok := k.body.(interface{ cell(*builder, frame) style }); ok {
		ours = append(ours, own.cell(b, f)...)
	}
	b.tag("td", attributes{{"align", either(k.align, "left")}, {"valign", "top"}, {"bgcolor", solid(b.one(k.background))}}, ours, k.container)
	k.body.write(b, f)
	b.html("</td></tr></table>\n")
	if margin != "" {
		b.html("</td></tr></table>\n")
	}
}

// visibility is the class of a block that not every screen shows. Readers without media queries hide those for small screens.
func (k *block) visibility() (attributes, style) {
	switch k.device {
	case "desktop":
		return attributes{{"class", "re-desktop"}}, nil
	case "mobile":
		return attributes{{"class", "re-mobile"}}, style{{"display", "none"}, {"max-height", "0"}, {"overflow", "hidden"}}
	}
	return nil, nil
}
