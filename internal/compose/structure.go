package compose

import (
	"posthoorn/internal/mime"
)

// entity is a part of the message with its fields: a leaf with its content, or a multipart.
type entity struct {
	fields   []byte
	content  body
	boundary string
	parts    []*entity
}

// body is content as it is sent.
type body interface {
	size() int
	appendTo(dst []byte) []byte
}

func leaf(fields []byte, content body) *entity { return &entity{fields: fields, content: content} }

func (e *entity) size() int {
	n := len(e.fields) + len("\r\n")
	if e.content != nil {
		return n + e.content.size()
	}
	for _, part := range e.parts {
		n += len("--\r\n\r\n") + len(e.boundary) + part.size()
	}
	return n + len("----") + len(e.boundary)
}

func (e *entity) appendTo(dst []byte) []byte {
	dst = append(append(dst, e.fields...), '\r', '\n')
	if e.content != nil {
		return e.content.appendTo(dst)
	}
	for _, part := range e.parts {
		dst = append(append(append(dst, "--"...), e.boundary...), "\r\n"...)
		dst = append(part.appendTo(dst), "\r\n"...)
	}
	return append(append(append(dst, "--"...), e.boundary...), "--"...)
}

// structure is the message without its header (responsive-email.md section 10).
func (b *builder) structure() *entity {
	html, images := b.html()
	text := b.text("plain", []byte(b.d.text))
	if len(images) > 0 && html != nil {
		html = b.multipart("related", append([]*entity{html}, images...), mime.Param{Name: "type", Value: "text/html"})
	}
	root := html
	switch {
	case html == nil:
		root = text
	case text != nil:
		root = b.multipart("alternative", []*entity{text, html})
	}
	if root == nil {
		root = quoted("plain", nil)
	}
	var files []*entity
	for i := range b.d.attachments {
		if part := b.attachment(&b.d.attachments[i]); part != nil {
			files = append(files, part)
		}
	}
	if len(files) == 0 {
		return root
	}
	return b.multipart("mixed", append([]*entity{root}, files...))
}

// html is the HTML part with the images that it has embedded; nil if there is none.
func (b *builder) html() (html *entity, images []*entity) {
	if b.d.content == nil {
		return nil, nil
	}
	made := b.d.content.HTML(b.o.Resources, b.blocks(), &b.problems)
	for i := range made.Images {
		if part := b.image(&made.Images[i]); part != nil {
			images = append(images, part)
		}
	}
	return b.text("html", made.HTML), images
}

// text is a text part; nil without a text.
func (b *builder) text(kind string, text []byte) *entity {
	if len(text) == 0 {
		return nil
	}
	part := quoted(kind, text)
	if !b.take(nil, part.size()) {
		return nil
	}
	return part
}

// quoted is a text part in UTF-8 and quoted-printable.
func quoted(kind string, text []byte) *entity {
	out := mime.AppendQuotedPrintable(make([]byte, 0, len(text)+len(text)/8+64), text)
	fields := "Content-Type: text/" + kind + "; charset=\"utf-8\"\r\nContent-Transfer-Encoding: quoted-printable\r\n"
	return leaf([]byte(fields), encoded(out))
}

// encoded is content that is ready to be sent.
type encoded []byte

func (e encoded) size() int                  { return len(e) }
func (e encoded) appendTo(dst []byte) []byte { return append(dst, e...) }

// multipart puts parts together. Its boundary cannot occur in them, whatever they hold: "=_" is in no line of quoted-printable
// or base64, and their header fields do not begin with dashes.
func (b *builder) multipart(kind string, parts []*entity, params ...mime.Param) *entity {
	boundary := "=_" + hash(b.id, kind)
	m := mime.Media{Type: "multipart/" + kind, Params: params}.With("boundary", boundary)
	return &entity{fields: mime.AppendMedia(nil, "Content-Type", m), boundary: boundary, parts: parts}
}
