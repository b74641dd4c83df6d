package prepare

import (
	"bytes"
	stdmime "mime"
	"strings"

	"posthoorn/internal/mail"
	"posthoorn/internal/mime"
)

// Extracted is the property of that name for the result of a message with this source (results-json.md section 9), as JSON.
// Bytes that are not UTF-8 become U+FFFD in it.
func (s *Source) Extracted(from, to mail.Address) []byte {
	o := mail.NewObject(make([]byte, 0, 2048))
	if h, err := mime.ParseHeader(s.Data); err == nil {
		appendKnown(o, &h)
		o.Object("headers", func(o *mail.Object) { appendHeaders(o, &h) })
	}
	appendAddress(o, "envelope", from)
	appendAddress(o, "recipient", to)
	return o.Bytes()
}

// appendKnown writes what is read of the header; of a field that is there twice the first counts.
func appendKnown(o *mail.Object, h *mime.Header) {
	if f := first(h, "from"); f != nil {
		if list := mime.Addresses(f.Value); len(list) > 0 {
			o.String("from", list[0])
		}
	}
	if f := first(h, "to"); f != nil {
		o.Strings("to", mime.Addresses(f.Value))
	}
	if f := first(h, "subject"); f != nil {
		o.String("subject", decoded(f.Value))
	}
}

func first(h *mime.Header, name string) *mime.Field {
	for i := range h.Fields {
		if h.Fields[i].Is(name) {
			return &h.Fields[i]
		}
	}
	return nil
}

var words stdmime.WordDecoder

// decoded is a header value as people read it; one that cannot be decoded stays as it is.
func decoded(value []byte) string {
	text := string(bytes.TrimSpace(mime.Unfold(value)))
	if plain, err := words.DecodeHeader(text); err == nil {
		return plain
	}
	return text
}

// appendHeaders writes all fields unparsed, under lower-case names: text, or an array of texts for a field that is repeated.
func appendHeaders(o *mail.Object, h *mime.Header) {
	for i := range h.Fields {
		f := &h.Fields[i]
		if first(h, string(f.Name)) != f {
			continue
		}
		values := make([]string, 0, 1)
		for j := i; j < len(h.Fields); j++ {
			if g := &h.Fields[j]; mime.EqualName(g.Name, string(f.Name)) {
				values = append(values, string(bytes.TrimSpace(mime.Unfold(g.Value))))
			}
		}
		if name := strings.ToLower(string(f.Name)); len(values) == 1 {
			o.String(name, values[0])
		} else {
			o.Strings(name, values)
		}
	}
}

func appendAddress(o *mail.Object, name string, a mail.Address) {
	if a.IsZero() {
		return
	}
	o.Object(name, func(o *mail.Object) { o.String("local", a.Local).String("domain", a.Domain) })
}
