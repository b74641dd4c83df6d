package block

import (
	"strings"

	"posthoorn/internal/template"
)

// builder writes HTML. Strings of the document are sources of templates if the message has data.
func (b *builder) templated(s string) bool {
	return b.options.Render != nil && strings.Contains(s, "{")
}

// split takes a string apart. What cannot be is text: whoever compiles the whole as template will say what is wrong.
func split(s string) []template.Piece {
	pieces, err := template.Split(s)
	if err != nil {
		return []template.Piece{{Kind: template.Text, Source: s}}
	}
	return pieces
}

// leading takes the mode that a string begins with off its pieces. In the finished template it would not stand first.
func leading(pieces []template.Piece) (escape bool, rest []template.Piece) {
	if len(pieces) == 0 || pieces[0].Kind != template.Tag {
		return false, pieces
	}
	switch mode := strings.Join(strings.Fields(pieces[0].Source), ""); {
	case mode == "{escape}", mode == "{mode=html}", mode == `{mode="html"}`:
		return true, pieces[1:]
	case strings.HasPrefix(mode, "{mode="):
		return false, pieces[1:]
	}
	return false, pieces
}

// text writes a string for a place between tags or in the quotes of an attribute.
func (b *builder) text(s string) { b.put(s, appendEscaped) }

// lines is text in which line ends are line breaks.
func (b *builder) lines(s string) {
	b.put(s, func(out []byte, s string) []byte {
		s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
		for i, line := range strings.Split(s, "\n") {
			if i > 0 {
				out = append(out, "<br />\n"...)
			}
			out = appendEscaped(out, line)
		}
		return out
	})
}

func (b *builder) put(s string, text func([]byte, string) []byte) {
	if !b.templated(s) {
		b.out = text(b.out, s)
		return
	}
	_, pieces := leading(split(s))
	for _, p := range pieces {
		switch p.Kind {
		case template.Text:
			b.out = text(b.out, p.Source)
		case template.Print:
			b.out = append(b.out, p.Escaped()...)
		default:
			b.out = appendTag(b.out, p.Source)
		}
	}
	b.closeBrace()
}

// closeBrace sees to a brace at the end of a string: what follows in the HTML, such as a quote, must not make a tag of it.
func (b *builder) closeBrace() {
	if n := len(b.out) - 1; n >= 0 && b.out[n] == '{' {
		b.out = append(b.out[:n], "{ldelim}"...)
	}
}

// appendTag writes a tag that prints no value. The text of a literal block is text like any other.
func appendTag(out []byte, tag string) []byte {
	const end = "{/literal}"
	open := strings.IndexByte(tag, '}') + 1
	if tagWord(tag) != "literal" || !strings.HasSuffix(tag, end) || len(tag) < open+len(end) {
		return append(out, tag...)
	}
	out = append(out, tag[:open]...)
	out = appendEscaped(out, tag[open:len(tag)-len(end)])
	return append(out, end...)
}

// tagWord is the word that a tag begins with, with the slash of an end; empty for one that prints.
func tagWord(tag string) string {
	rest := strings.TrimLeft(tag[1:], " \t\r\n")
	slash := strings.HasPrefix(rest, "/")
	rest = strings.TrimLeft(strings.TrimPrefix(rest, "/"), " \t\r\n")
	n := 0
	for n < len(rest) && rest[n] >= 'a' && rest[n] <= 'z' {
		n++
	}
	if slash {
		return "/" + rest[:n]
	}
	return rest[:n]
}

func appendEscaped(out []byte, s string) []byte {
	from := 0
	for i := range len(s) {
		var entity string
		switch c := s[i]; {
		case c == '&':
			entity = "&amp;"
		case c == '<':
			entity = "&lt;"
		case c == '>':
			entity = "&gt;"
		case c == '"':
			entity = "&quot;"
		case c == '\'':
			entity = "&#39;"
		case c < ' ' && c != '\t' && c != '\n' && c != '\r':
			entity = " "
		default:
			continue
		}
		out = append(append(out, s[from:i]...), entity...)
		from = i + 1
	}
	return append(out, s[from:]...)
}

// foreign makes a string that others wrote one that prints as it is.
func (b *builder) foreign(s string) string {
	if !b.templated(s) && !(b.options.Render != nil && strings.Contains(s, "}")) {
		return s
	}
	return braces.Replace(s)
}

var braces = strings.NewReplacer("{", "{ldelim}", "}", "{rdelim}")

// marked is a string with its tags marked: mask is as long as text and has a NUL for each byte of a tag.
type marked struct{ text, mask string }

func (b *builder) marked(s string) marked {
	if !b.templated(s) {
		return marked{s, s}
	}
	return mark(split(s), s)
}

func mark(pieces []template.Piece, s string) marked {
	mask := make([]byte, 0, len(s))
	for _, p := range pieces {
		if p.Kind == template.Text {
			mask = append(mask, p.Source...)
		} else {
			mask = append(mask, make([]byte, len(p.Source))...)
		}
	}
	return marked{s, string(mask)}
}

func plainText(s string) marked { return marked{s, s} }

func (m marked) slice(from, to int) marked { return marked{m.text[from:to], m.mask[from:to]} }

func (m marked) plus(others ...marked) marked {
	for _, o := range others {
		m.text += o.text
		m.mask += o.mask
	}
	return m
}

// cut is strings.Cut at a separator outside of tags; the separator stays with what is after it.
func (m marked) cut(separators string) (before, after marked) {
	i := strings.IndexAny(m.mask, separators)
	if i < 0 {
		i = len(m.mask)
	}
	return m.slice(0, i), m.slice(i, len(m.mask))
}

// each maps the text and keeps the tags.
func (m marked) each(text func(string) string) marked {
	if !strings.Contains(m.mask, "\x00") {
		return plainText(text(m.text))
	}
	var out marked
	for from := 0; from < len(m.mask); {
		to := from
		tag := m.mask[from] == 0
		for to < len(m.mask) && (m.mask[to] == 0) == tag {
			to++
		}
		piece := m.slice(from, to)
		if !tag {
			piece = plainText(text(piece.text))
		}
		out, from = out.plus(piece), to
	}
	return out
}
