package block

import (
	"strconv"

	"posthoorn/internal/compose/node"
)

// parser turns values into blocks. Imports are read by the same one, so that the bounds hold for all of it.
type parser struct {
	problems *node.Problems
	count    int
	depth    int
	inColumn bool
	full     bool               // the bound is reached; it has been said
	patterns map[string]pattern // regular expressions of rules
}

// body is what is special about a type of block.
type body interface{ write(b *builder, f frame) }

// block is what all blocks have.
type block struct {
	at         *node.Value
	background string
	margin     sides
	padding    sides
	container  direct
	align      string
	device     string
	rewrite    rules
	body       body
}

func (p *parser) blocks(list *node.Value) []block {
	items := p.problems.List(list)
	if p.depth++; p.depth > maxNesting {
		p.problems.Add(list, "blocks are nested too deep")
		items = nil
	}
	blocks := make([]block, 0, min(len(items), maxBlocks))
	for i := range items {
		if b, ok := p.block(&items[i]); ok {
			blocks = append(blocks, b)
		}
	}
	p.depth--
	return blocks
}

// one counts a block; false when there are too many.
func (p *parser) one(at *node.Value) bool {
	if p.count++; p.count <= maxBlocks {
		return true
	}
	if !p.full {
		p.problems.Add(at, "more than "+strconv.Itoa(maxBlocks)+" blocks")
	}
	p.full = true
	return false
}

func (p *parser) block(v *node.Value) (block, bool) {
	if !v.Is(node.Object) {
		p.problems.Add(v, "a block is an object")
		return block{}, false
	}
	if !p.one(v) {
		return block{}, false
	}
	kind := v.Get("type")
	if kind == nil {
		p.problems.Add(v, "the block has no type")
		return block{}, false
	}
	b := p.common(v)
	b.body = p.body(v, p.problems.String(kind))
	return b, b.body != nil && scalar(v.Get("visibility").Get("output")) != "webonly"
}

// common reads the properties of section 3.4.
func (p *parser) common(v *node.Value) block {
	b := block{
		at:         v,
		background: p.background(v.Get("background")),
		margin:     p.sides(v.Get("margin"), sides{}),
		padding:    p.sides(v.Get("padding"), sides{}),
		container:  p.direct(p.problems.Object(v.Get("container"))),
	}
	b.rewrite = p.rules(v.Get("rewrite"))
	switch align := scalar(v.Get("align")); align {
	case "left", "center", "right":
		b.align = align
	}
	switch device := scalar(p.problems.Object(v.Get("visibility")).Get("device")); device {
	case "desktop", "mobile":
		b.device = device
	}
	return b
}

// body is nil if there is no such type, or if the block makes no sense.
func (p *parser) body(v *node.Value, kind string) body {
	read := readers[kind]
	if read == nil {
		p.problems.Add(v, "unknown block type "+strconv.Quote(shown(kind)))
		return nil
	}
	return read(p, v)
}

var readers map[string]func(*parser, *node.Value) body

func init() { // not a literal, which would be a loop: blocks hold blocks
	readers = map[string]func(*parser, *node.Value) body{
		"heading": (*parser).heading, "text": (*parser).text, "html": (*parser).html, "image": (*parser).image,
		"video": (*parser).video, "button": (*parser).button, "link": (*parser).linkBlock, "spacer": (*parser).spacer,
		"separator": (*parser).separator, "seperator": (*parser).separator, "follow": (*parser).follow,
		"share": (*parser).share, "feed": (*parser).feed, "import": (*parser).imported,
		"columns": (*parser).columns, "container": (*parser).box,
	}
}
