package block

import (
	"bytes"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"posthoorn/internal/compose/node"
	"posthoorn/internal/template"
)

// scanner goes through HTML that others wrote, without changing a byte but where it must: links are rewritten, images counted
// and embedded. Of a fragment it sees to it that the fragment cannot break the table around it.
type scanner struct {
	b      *builder
	at     *node.Value
	src    marked
	words  []tagAt // of the tags, in order
	edits  []edit
	open   []string
	forks  [][]string // what was open where the {if} began that we are in
	inBody bool
	head   int // where the head began that is left out; -1: nowhere
	before int // how many elements were open then
	svg    int // how many svg and math elements we are in
	end    int // what follows is left out
	body   int // where </body> is; -1: nowhere
	escape bool
	pieces []template.Piece
}

type tagAt struct {
	end  int
	word string
}

// edit puts with in the place of src[from:to].
type edit struct {
	from, to int
	with     string
}

func (b *builder) scanner(at *node.Value, src string) *scanner {
	s := &scanner{b: b, at: at, src: plainText(src), head: -1, body: -1, end: len(src)}
	if !b.templated(src) {
		return s
	}
	s.pieces = split(src)
	s.src = mark(s.pieces, src)
	pos := 0
	for _, p := range s.pieces {
		pos += len(p.Source)
		if p.Kind == template.Tag {
			s.words = append(s.words, tagAt{pos, tagWord(p.Source)})
		}
	}
	return s
}

// fragment writes HTML of a block into the table of our making.
func (b *builder) fragment(at *node.Value, src string) {
	s := b.scanner(at, src)
	if escape, rest := leading(s.pieces); len(rest) < len(s.pieces) {
		s = b.scanner(at, withoutMode(rest, escape))
	}
	s.run(true)
	s.close()
	s.write()
	b.closeAngle()
	b.closeBrace()
}

// closeAngle makes text of what could become a tag together with what follows.
func (b *builder) closeAngle() {
	for _, begun := range []string{"<", "</"} {
		if rest, ok := bytes.CutSuffix(b.out, []byte(begun)); ok {
			b.out = append(rest, "&lt;"+begun[1:]...)
		}
	}
}

// withoutMode is a source without the mode that it began with, which would not stand first any more.
func withoutMode(pieces []template.Piece, escape bool) string {
	var out strings.Builder
	for _, p := range pieces {
		if escape {
			out.WriteString(p.Escaped())
		} else {
			out.WriteString(p.Source)
		}
	}
	return out.String()
}

// ownPage writes the HTML that is the whole content.
func (b *builder) ownPage() {
	c := b.content
	if c.rewrite == nil && !c.embed && c.pixel.url == "" {
		b.html(c.own)
		return
	}
	s := b.scanner(c.at, c.own)
	s.run(false)
	end := len(c.own)
	if s.body >= 0 {
		end = s.body
	}
	before := s.edits[:len(s.edits):len(s.edits)]
	b.writePixel()
	s.edits = append(before, edit{end, end, string(b.out)})
	slices.SortStableFunc(s.edits, func(x, y edit) int { return x.from - y.from })
	b.out = b.out[:0]
	s.write()
}

func (s *scanner) write() {
	pos := 0
	for _, e := range s.edits {
		if e.from < pos {
			continue
		}
		s.b.html(s.src.text[pos:min(e.from, s.end)])
		s.b.closeAngle()
		s.b.html(e.with)
		pos = e.to
	}
	if pos < s.end {
		s.b.html(s.src.text[pos:s.end])
	}
}

func (s *scanner) change(from, to int, with string) { s.edits = append(s.edits, edit{from, to, with}) }

// run looks at every tag. In a fragment, elements are balanced and the wrappers of a page left out.
func (s *scanner) run(fragment bool) {
	z := html.NewTokenizer(strings.NewReader(s.src.mask))
	for pos := 0; ; {
		kind := z.Next()
		from, to := pos, pos+len(z.Raw())
		pos = to
		switch kind {
		case html.ErrorToken:
			if fragment && from < s.end { // a tag without an end
				s.end = from
			}
			return
		case html.StartTagToken, html.SelfClosingTagToken:
			name, _ := z.TagName()
			s.element(string(name), from, to)
			if fragment {
				s.start(string(name), from, to, kind == html.SelfClosingTagToken)
				s.foreign(z, string(name))
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			if string(name) == "body" {
				s.body = from
			}
			if fragment && !s.finish(string(name), from, to) {
				return
			}
			s.foreign(z, "")
		case html.CommentToken:
			if fragment {
				s.comment(from, to)
			}
		case html.DoctypeToken:
			if fragment {
				s.change(from, to, "")
			}
		case html.TextToken:
			s.branches(to)
			if fragment && strings.HasPrefix(s.src.mask[from:to], cdata) {
				s.comment(from, to)
			}
		}
	}
}

// foreign tells the tokenizer whether it is in a drawing or formula, where HTML has other rules. A plaintext is left out, so that
// what follows is as usual.
func (s *scanner) foreign(z *html.Tokenizer, started string) {
	z.AllowCDATA(s.svg > 0)
	if s.svg > 0 || started == "plaintext" {
		z.NextIsNotRawText()
	}
}

// element rewrites a link, and embeds an image.
func (s *scanner) element(name string, from, to int) {
	switch name {
	case "a", "area":
		s.value("href", from, to, s.b.rewritten)
	case "img":
		s.b.images++
		if s.b.content.embed {
			s.value("src", from, to, func(m marked) marked { return plainText(s.b.source(s.at, m.text)) })
		}
	}
}

// value changes the value of an attribute of the tag at from, if there is anything to change.
func (s *scanner) value(name string, from, to int, change func(marked) marked) {
	start, end, ok := attributeSpan(s.src.mask[from:to], name)
	if !ok {
		return
	}
	written := s.src.slice(from+start, from+end)
	quote := ""
	if n := len(written.mask); n >= 2 && (written.mask[0] == '"' || written.mask[0] == '\'') {
		quote = written.mask[:1]
		written = written.slice(1, n-1)
	}
	value := written.each(html.UnescapeString)
	changed := change(value)
	if changed.text == value.text {
		return
	}
	changed = changed.each(func(s string) string { return string(appendEscaped(nil, s)) })
	s.change(from+start, from+end, either(quote, `"`)+changed.text+either(quote, `"`))
}

// attributeSpan is where the value of an attribute lies in a tag, with its quotes. The first one of a name counts.
func attributeSpan(tag, name string) (start, end int, ok bool) {
	const space = " \t\r\n\f"
	pos := 1
	skip := func(until string, in bool) { // to the first byte that is in until, or not in it
		for pos < len(tag) && strings.IndexByte(until, tag[pos]) >= 0 != in {
			pos++
		}
	}
	for skip(space+"/>", true); ; {
		skip(space+"/", false)
		if pos >= len(tag) || tag[pos] == '>' {
			return 0, 0, false
		}
		from := pos
		pos++
		skip(space+"/>=", true)
		have := tag[from:pos]
		skip(space, false)
		if pos >= len(tag) || tag[pos] != '=' {
			continue
		}
		pos++
		skip(space, false)
		start = pos
		if pos < len(tag) && (tag[pos] == '"' || tag[pos] == '\'') {
			quote := tag[pos : pos+1]
			pos++
			skip(quote, true)
			pos = min(pos+1, len(tag))
		} else {
			skip(space+">", true)
		}
		if strings.EqualFold(have, name) {
			return start, pos, true
		}
	}
}
