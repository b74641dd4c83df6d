package compose

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"posthoorn/internal/mime"
	"posthoorn/internal/template"
)

// field renders a field of the header of the message, if it is a template.
func (r *renderer) field(f *mime.Field) {
	switch kind := r.kind(f); kind {
	case text:
		r.textField(f)
	case addresses:
		r.addressField(f)
	case urls:
		r.urlField(f)
	}
}

// fieldKind tells how the value of a field is built, and so what must not happen to it.
type fieldKind int

const (
	static    fieldKind = iota
	text                // words
	addresses           // a list of mailboxes
	urls                // URLs in angle brackets
)

func (r *renderer) kind(f *mime.Field) fieldKind {
	switch {
	case f.Is("Subject"):
		return text
	case f.Is("From"), f.Is("To"), f.Is("Cc"), f.Is("Reply-To"):
		return addresses
	case f.Is("List-Unsubscribe"):
		return urls
	case !r.Document, mime.HasNamePrefix(f.Name, "content-"), f.Is("MIME-Version"), f.Is("Date"):
		return static
	case mime.IsAddressField(string(f.Name)):
		return addresses
	case mime.HasNamePrefix(f.Name, "list-"):
		return urls
	}
	return text
}

// fieldSource is the text of a field with its encoded words decoded, and where they were; empty if it holds no brace.
func (r *renderer) fieldSource(f *mime.Field) (string, []mime.Span) {
	value := string(mime.Unfold(f.Value))
	if !strings.Contains(value, "{") && !strings.Contains(value, "=?") {
		return "", nil
	}
	value, words := mime.Words(value)
	if !strings.Contains(value, "{") {
		return "", nil
	}
	return value, words
}

// put gives a field its value, as it stands in the message; nothing takes the field out.
func (r *renderer) put(f *mime.Field, field []byte) {
	r.edits = append(r.edits, mime.Edit{Start: f.Start, End: f.End, With: field})
}

func (r *renderer) textField(f *mime.Field) {
	src, _ := r.fieldSource(f)
	if src == "" {
		return
	}
	if out, ok := r.render(nil, src, string(f.Name), template.Env{MaxOutput: maxFieldOutput}); ok {
		r.put(f, mime.AppendText(nil, string(f.Name), string(out)))
	}
}

// urlField renders a field such as <https://a.example/{$id}>, <mailto:x@b.example>. A value that is printed inside the brackets
// cannot end them.
func (r *renderer) urlField(f *mime.Field) {
	src, _ := r.fieldSource(f)
	if !strings.Contains(src, "{$") && !r.Document {
		return
	}
	var b brackets
	env := template.Env{MaxOutput: maxFieldOutput, Printed: func(out []byte, from int) []byte {
		if !b.openAt(out[:from]) {
			return out
		}
		return appendURL(out[:from], string(out[from:]))
	}}
	if out, ok := r.render(nil, src, string(f.Name), env); ok {
		r.put(f, mime.AppendField(nil, string(f.Name), string(out)))
	}
}

// brackets follows a text that grows.
type brackets struct {
	seen int
	open bool
}

// openAt says whether the text ends between < and >.
func (b *brackets) openAt(text []byte) bool {
	for _, c := range text[b.seen:] {
		if c == '<' || c == '>' {
			b.open = c == '<'
		}
	}
	b.seen = len(text)
	return b.open
}

// appendURL appends a piece of a URL; what no URL may hold (RFC 3986 section 2) is percent-encoded.
func appendURL(dst []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}

// addressField renders a list of addresses. What the template prints and what stood in encoded words is opaque: the structure
// of the list is that of its author, whatever is in the data. An entry that is one printed value as a whole may be a name with
// its address; entries that print nothing are left out, and so is a field without entries.
func (r *renderer) addressField(f *mime.Field) {
	src, words := r.fieldSource(f)
	if src == "" {
		return
	}
	if len(words) > 0 {
		src = veil(src, words)
	}
	var printed []mime.Span
	env := template.Env{MaxOutput: maxFieldOutput, Printed: func(out []byte, from int) []byte {
		if from < len(out) {
			printed = append(printed, mime.Span{Start: from, End: len(out)})
		}
		return out
	}}
	out, ok := r.render(nil, src, string(f.Name), env)
	if !ok {
		return
	}
	list := mime.Mailboxes(string(out), printed)
	values := map[string]bool{}
	for _, s := range printed {
		values[string(bytes.TrimSpace(out[s.Start:s.End]))] = true
	}
	for i := range list {
		m := &list[i]
		m.Name, m.Address = unveil(m.Name), unveil(m.Address)
		if one := m.Name + m.Address; (m.Name == "" || m.Address == "") && values[one] {
			*m = whole(*m, one)
		}
	}
	r.put(f, mime.AppendMailboxes(nil, string(f.Name), list))
}

// whole reads an entry that is one printed value as a whole: it may be a name with an address, but not two addresses.
func whole(m mime.Mailbox, value string) mime.Mailbox {
	if read := mime.Mailboxes(value, nil); len(read) == 1 && strings.Contains(read[0].Address, "@") {
		return read[0]
	}
	return m
}

// specials have a meaning in an address field (RFC 5322 section 3.2.3).
const specials = `"(),:;<>@[\]`

// veilBase is the first of 32 code points that stand for nothing in any text.
const veilBase = '\uFDD0'

// veil hides the specials that came in encoded words behind code points that are no characters, except in tags: there they
// are syntax of the template. They must survive the rendering without being taken for syntax of the field.
func veil(src string, words []mime.Span) string {
	pieces, err := template.Split(src)
	if err != nil {
		return src // compiling it tells why
	}
	out := make([]byte, 0, len(src)+16)
	pos := 0
	for _, p := range pieces {
		for i := 0; i < len(p.Source); i++ {
			c := p.Source[i]
			for len(words) > 0 && words[0].End <= pos+i {
				words = words[1:]
			}
			n := strings.IndexByte(specials, c)
			if n >= 0 && p.Kind == template.Text && len(words) > 0 && words[0].Start <= pos+i {
				out = utf8.AppendRune(out, veilBase+rune(n))
			} else {
				out = append(out, c)
			}
		}
		pos += len(p.Source)
	}
	return string(out)
}

func unveil(s string) string {
	if !strings.Contains(s, "\uFDD0"[:2]) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if n := int(r - veilBase); n >= 0 && n < len(specials) {
			return rune(specials[n])
		}
		return r
	}, s)
}
