package template

// PieceKind tells what a [Piece] of a template is.
type PieceKind int

const (
	// Text goes into the output as it is.
	Text PieceKind = iota
	// Print is a tag that prints a value.
	Print
	// Tag is any other tag, or a literal block or comment as a whole.
	Tag
)

// A Piece is a part of the source of a template; all pieces one after the other are the source again.
type Piece struct {
	Kind   PieceKind
	Source string
	// Settled: a tag that prints a value which has been through escape or raw, so that its author
	// has seen to the escaping.
	Settled bool
}

// Escaped returns the source of a [Print] piece so that it prints escaped for HTML, unless its author
// has seen to that. Other pieces come as they are.
func (p Piece) Escaped() string {
	if p.Kind != Print || p.Settled {
		return p.Source
	}
	return "{(" + p.Source[1:len(p.Source)-1] + ")|escape}"
}

// Split takes a source apart without looking at whether its blocks are complete: one text of a
// document may begin a block that another one ends. The error is an [*Error] of kind [Syntax].
func Split(src string) ([]Piece, error) {
	p := &parser{src: src, slots: map[string]int{}}
	if len(src) > maxSource {
		return nil, p.fail(0, "template is larger than 32 MB")
	}
	var pieces []Piece
	if p.leadingMode(); p.pos > 0 {
		pieces = append(pieces, Piece{Kind: Tag, Source: src[:p.pos]})
	}
	for p.pos < len(src) {
		start := p.pos
		if p.pos = nextTag(src, start); p.pos > start {
			pieces = append(pieces, Piece{Kind: Text, Source: src[start:p.pos]})
			continue
		}
		piece, err := p.piece()
		if err != nil {
			return nil, err
		}
		if p.nodes++; p.nodes > maxNodes {
			return nil, p.fail(start, "template has too many parts")
		}
		pieces = append(pieces, piece)
	}
	return pieces, nil
}

// piece reads the tag that the parser stands at.
func (p *parser) piece() (Piece, error) {
	start := p.pos
	piece := Piece{Kind: Tag}
	if opens, err := p.blockTag(); opens || err != nil {
		piece.Source = p.src[start:p.pos]
		return piece, err
	}
	n, err := p.tag()
	if err != nil {
		return piece, err
	}
	piece.Source = p.src[start:p.pos]
	if n, ok := n.(*printNode); ok {
		piece.Kind = Print
		m, ok := n.value.(*modifiedExpr)
		piece.Settled = ok && m.escapes()
	}
	return piece, nil
}

// blockTag reads a tag that begins, divides or ends a block; ok is false if it is another one.
func (p *parser) blockTag() (ok bool, err error) {
	start := p.pos
	switch end := p.ending(); end.word {
	case "":
	case "elseif":
		return true, p.headTag(start)
	default:
		return true, p.close(start)
	}
	p.pos++
	switch p.word() {
	case "if":
		return true, p.headTag(start)
	case "foreach":
		if err := p.foreachHead(&foreachNode{}); err != nil {
			return true, err
		}
		return true, p.close(start)
	}
	p.pos = start
	return false, nil
}

func (p *parser) headTag(start int) error {
	if _, err := p.expr(); err != nil {
		return err
	}
	return p.close(start)
}
