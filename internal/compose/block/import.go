package block

import (
	"slices"
	"strconv"

	"posthoorn/internal/compose/node"
)

const maxImports = 5 // in each other

// imported is a block whose JSON stands elsewhere.
type imported struct {
	at       *node.Value
	url      string
	inColumn bool
	depth    int
}

func (p *parser) imported(v *node.Value) body {
	i := &imported{v, p.problems.String(v.Get("url")), p.inColumn, p.depth}
	if i.url == "" {
		p.problems.Add(v, "the import has no url")
		return nil
	}
	return i
}

func (i *imported) write(b *builder, f frame) {
	key, _ := Download(b.plain(i.at, i.url))
	switch {
	case slices.Contains(b.imports, key):
		b.problems.Add(i.at, "imports itself: "+shown(key))
		return
	case len(b.imports) == maxImports:
		b.problems.Add(i.at, "more than "+strconv.Itoa(maxImports)+" imports in each other")
		return
	}
	r, ok := b.fetch(i.at, i.url, Import)
	if !ok {
		return
	}
	root, err := node.Parse([]byte(decoded(r)), i.at.Path())
	if err != nil {
		b.problems.AddError(err.(*node.Error))
		return
	}
	b.imports = append(b.imports, key)
	b.html("\n")
	b.blocks(i.blocks(b, root), f)
	b.imports = b.imports[:len(b.imports)-1]
}

// blocks reads what came: an array of blocks, an object that has one, or a block.
func (i *imported) blocks(b *builder, root *node.Value) []block {
	b.parser.inColumn, b.parser.depth = i.inColumn, i.depth
	if list := root.Get("blocks"); root.Kind == node.Object && root.Get("type") == nil && list != nil {
		return b.parser.blocks(list)
	}
	if root.Kind == node.Array {
		return b.parser.blocks(root)
	}
	if one, ok := b.parser.block(root); ok {
		return []block{one}
	}
	return nil
}
