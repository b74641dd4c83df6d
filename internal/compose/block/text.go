package block

import (
	"bytes"
	"strings"

	"golang.org/x/net/html/charset"

	"posthoorn/internal/compose/node"
)

type heading struct {
	content string
	size    int
	font    font
	link    *link
	direct  direct
}

func (p *parser) heading(v *node.Value) body {
	return &heading{
		content: p.problems.String(v.Get("content")),
		size:    min(max(p.problems.Int(v.Get("size"), 1), 1), 6),
		font:    p.font(v.Get("font")),
		link:    p.link(v.Get("link")),
		direct:  p.direct(v),
	}
}

var headingSizes = [...]string{"40px", "36px", "32px", "28px", "24px", "20px"}

func (h *heading) write(b *builder, f frame) {
	font := h.font.or(f.font)
	font.size = either(font.size, headingSizes[h.size-1])
	name := "h" + string('0'+rune(h.size))
	css := append(style{{"margin", "0"}, {"text-align", either(f.align, "left")}}, b.font(font)...)
	b.tag(name, nil, css, h.direct)
	b.linked(h.link, style{{"color", b.one(font.color)}}, func() { b.text(h.content) })
	b.html("</" + name + ">")
}

// textBlock is a block of plain text.
type textBlock struct {
	content remote
	font    font
	direct  direct
}

func (p *parser) text(v *node.Value) body {
	return &textBlock{p.remote(v, Text), p.font(v.Get("font")), p.direct(v)}
}

func (t *textBlock) cell(b *builder, f frame) style { return b.font(t.font.or(f.font)) }

func (t *textBlock) write(b *builder, f frame) {
	b.tag("p", nil, style{{"margin", "0"}, {"text-align", f.align}}, t.direct)
	b.lines(t.content.get(b))
	b.html("</p>")
}

// htmlBlock is a block of HTML.
type htmlBlock struct {
	content remote
	font    font
	direct  direct
	foreign bool // what a feed says
}

func (p *parser) html(v *node.Value) body {
	return &htmlBlock{content: p.remote(v, HTML), font: p.font(v.Get("font")), direct: p.direct(v)}
}

func (h *htmlBlock) cell(b *builder, f frame) style { return b.font(h.font.or(f.font)) }

func (h *htmlBlock) write(b *builder, f frame) {
	b.tag("div", nil, style{{"text-align", f.align}}, h.direct)
	b.fragment(h.content.at, h.content.get(b))
	b.html("</div>")
}

// remote is a text that stands in the document or elsewhere.
type remote struct {
	at      *node.Value
	content string
	url     string
	purpose Purpose
}

func (p *parser) remote(v *node.Value, purpose Purpose) remote {
	content := v.Get("content", "source")
	r := remote{at: v, content: p.problems.String(content), purpose: purpose}
	if content == nil {
		r.url = p.problems.String(v.Get("url"))
	}
	return r
}

func (r *remote) get(b *builder) string {
	if r.url == "" {
		return r.content
	}
	got, ok := b.fetch(r.at, r.url, r.purpose)
	if !ok {
		return ""
	}
	return decoded(got)
}

// decoded is a downloaded text in UTF-8.
func decoded(r Resource) string {
	encoding, _, _ := charset.DetermineEncoding(r.Data, r.Type)
	data, err := encoding.NewDecoder().Bytes(r.Data)
	if err != nil {
		data = r.Data
	}
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	return strings.ToValidUTF8(strings.ReplaceAll(string(data), "\x00", "\uFFFD"), "\uFFFD")
}
