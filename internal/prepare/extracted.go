package prepare

import (
	"bytes"
	"strings"

	"posthoorn/internal/mail"
	"posthoorn/internal/mime"
)

// maxExtracted is the largest header that is repeated in a result, in bytes.
const maxExtracted = 64 << 10

// Extracted is the property of that name for the result of a message with this source (results-json.md section 9), as JSON.
// Bytes that are not UTF-8 become U+FFFD in it.
func (s *Source) Extracted(from, to mail.Address) []byte {
	o := mail.NewObject(make([]byte, 0, 2048))
	if h, err := mime.ParseHeader(s.Data); err == nil {
		appendKnown(o, &h)
		if h.Body <= maxExtracted {
			o.Object("headers", func(o *mail.Object) { appendHeaders(o, &h) })
		}
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

// decoded is a header value as people read it; one that cannot be decoded stays as it is.
func decoded(value []byte) string {
	text := mime.Unfold(value)
	if !bytes.Contains(text, []byte("=?")) {
		return string(text)
	}
	return mime.DecodeWords(string(text))
}

// appendHeaders writes all fields unparsed, under lower-case names: text, or an array of texts for a field that is repeated.
func appendHeaders(o *mail.Object, h *mime.Header) {
	for i := range h.Fields {
		f, name := &h.Fields[i], strings.ToLower(string(h.Fields[i].Name))
		if first(h, name) != f {
			continue
		}
		if more := others(h, i, name); more != nil {
			o.Strings(name, more)
		} else {
			o.Text(name, mime.Unfold(f.Value))
		}
	}
}

// others are the values of a field and of all behind it that have its name; nil: there are none.
func others(h *mime.Header, i int, name string) (values []string) {
	for j := i + 1; j < len(h.Fields); j++ {
		if g := &h.Fields[j]; g.Is(name) {
			if values == nil {
				values = []string{string(mime.Unfold(h.Fields[i].Value))}
			}
			values = append(values, string(mime.Unfold(g.Value)))
		}
	}
	return values
}

func appendAddress(o *mail.Object, name string, a mail.Address) {
	if a.IsZero() {
		return
	}
	o.Object(name, func(o *mail.Object) { o.String("local", a.Local).String("domain", a.Domain) })
}
