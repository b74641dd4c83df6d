package compose

import (
	"strings"

	"posthoorn/internal/compose/node"
	"posthoorn/internal/mime"
)

// unsubscribe is how a reader leaves a list (RFC 2369, RFC 8058).
type unsubscribe struct {
	at         *node.Value
	email, url string
	oneClick   bool
}

func (u unsubscribe) given() bool { return u.email != "" || u.url != "" }

func (d *Document) readUnsubscribe(v *node.Value) {
	p := &d.problems
	if v = p.Object(v); v != nil {
		d.unsubscribe = unsubscribe{v, p.String(v.Get("email")), p.String(v.Get("url")), p.Bool(v.Get("oneclick"))}
	}
}

func (h *fieldList) unsubscribe(u unsubscribe) {
	var ways []string
	if u.email != "" {
		ways = append(ways, "<mailto:"+h.b.uri(strings.TrimPrefix(u.email, "mailto:"))+">")
	}
	if u.url != "" {
		ways = append(ways, "<"+h.b.uri(u.url)+">")
	}
	if len(ways) == 0 {
		return
	}
	h.add(u.at, func(dst []byte) []byte { return mime.AppendField(dst, "List-Unsubscribe", strings.Join(ways, ", ")) })
	if u.oneClick && u.url != "" {
		h.add(u.at, func(dst []byte) []byte {
			return mime.AppendField(dst, "List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
		})
	}
}

// uri makes a text fit to stand between angle brackets. Tags stay as they are.
func (b *builder) uri(text string) string {
	out := make([]byte, 0, len(text))
	pos := 0
	for _, tag := range append(b.tags(text), mime.Span{Start: len(text), End: len(text)}) {
		out = appendURI(out, text[pos:tag.Start])
		out = append(out, text[tag.Start:tag.End]...)
		pos = tag.End
	}
	return string(out)
}

// appendURI writes what cannot stand in a URI with percent signs (RFC 3986 section 2.1). Braces stay: some are tags.
func appendURI(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c == '{' || c == '}' {
			dst = append(dst, c)
		} else {
			dst = appendURL(dst, s[i:i+1])
		}
	}
	return dst
}
