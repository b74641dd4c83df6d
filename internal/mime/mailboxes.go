package mime

import (
	"bytes"
	"strings"
)

// Mailboxes takes an unfolded address field apart. What lies in the opaque spans, which are in order, is never syntax: a comma
// there separates nothing and a quote ends nothing. Group names, routes and comments are left out, but a comment is the name
// of an address that has no other. Encoded words in names stay encoded: see [DecodeWords].
//
// [Addresses] is for those who want to know who is meant; here nothing is passed over, so that the field can be written again.
func Mailboxes(text string, opaque []Span) []Mailbox {
	s := mailboxScanner{in: text, opaque: opaque}
	for s.pos < len(s.in) {
		s.next()
	}
	s.flush()
	return s.found
}

type mailboxScanner struct {
	in     string
	opaque []Span
	pos    int

	raw     []byte // what has been read of the entry as it stands: of the address, if there is one
	text    []byte // the same without quotes: of the name, if there is one
	name    []byte // what stood before the <
	comment []byte
	angle   bool // between < and >
	done    bool // the > has been read
	named   bool // there was a <
	found   []Mailbox
}

func (s *mailboxScanner) next() {
	if n := s.opaqueLen(); n > 0 {
		s.take(n)
		return
	}
	switch c := s.in[s.pos]; {
	case c == '"':
		s.quoted()
	case c == '(':
		s.parenthesis()
	case c == '[' && !s.done:
		s.literal()
	case c == '<' && !s.angle && !s.done:
		s.name, s.named, s.angle = append(s.name[:0], s.text...), true, true
		s.restart()
	case c == '>' && s.angle:
		s.angle, s.done = false, true
		s.pos++
	case c == ':' && !s.done: // end of a group name or of a route
		s.restart()
	case c == ',' && !s.angle, c == ';' && !s.angle:
		s.pos++
		s.flush()
	case c == ' ', c == '\t', c == '\r', c == '\n':
		s.blank()
	default:
		s.take(1)
	}
}

// opaqueLen is how much of an opaque span lies before the scanner.
func (s *mailboxScanner) opaqueLen() int {
	for len(s.opaque) > 0 && s.opaque[0].End <= s.pos {
		s.opaque = s.opaque[1:]
	}
	if len(s.opaque) == 0 || s.opaque[0].Start > s.pos {
		return 0
	}
	return s.opaque[0].End - s.pos
}

// take moves n bytes into the entry. What follows the > is no part of it.
func (s *mailboxScanner) take(n int) {
	if !s.done {
		if n == 1 && joins(s.in[s.pos]) {
			s.raw = bytes.TrimRight(s.raw, " ")
		}
		s.raw = append(s.raw, s.in[s.pos:s.pos+n]...)
		s.text = append(s.text, s.in[s.pos:s.pos+n]...)
	}
	s.pos += n
}

func (s *mailboxScanner) blank() {
	if n := len(s.text); n > 0 && s.text[n-1] != ' ' && !s.done {
		s.text = append(s.text, ' ')
		if r := len(s.raw); r > 0 && !joins(s.raw[r-1]) {
			s.raw = append(s.raw, ' ')
		}
	}
	s.pos++
}

func (s *mailboxScanner) restart() {
	s.raw, s.text = s.raw[:0], s.text[:0]
	s.pos++
}

// inside calls each for every piece up to the byte that ends a quoted-string, comment or literal: whole opaque spans, pairs
// with a backslash, and single bytes. It stops when each says so, or at the end of the text.
func (s *mailboxScanner) inside(each func(piece string, opaque bool) (more bool)) {
	for more := true; more && s.pos < len(s.in); {
		n := s.opaqueLen()
		opaque := n > 0
		if !opaque {
			n = 1
			if s.in[s.pos] == '\\' && s.pos+1 < len(s.in) && !s.startsOpaque(s.pos+1) {
				n = 2
			}
		}
		piece := s.in[s.pos : s.pos+n]
		s.pos += n
		more = each(piece, opaque)
	}
}

func (s *mailboxScanner) startsOpaque(pos int) bool {
	return len(s.opaque) > 0 && s.opaque[0].Start == pos
}

func (s *mailboxScanner) quoted() {
	s.pos++
	start := len(s.text)
	odd := false // the text has bytes that must be escaped again
	s.inside(func(piece string, opaque bool) bool {
		if !opaque && piece == `"` {
			return false
		}
		if !opaque && len(piece) == 2 {
			piece = piece[1:]
		}
		odd = odd || strings.ContainsAny(piece, `"\`)
		s.text = append(s.text, piece...)
		return true
	})
	if s.done {
		s.text = s.text[:start]
		return
	}
	content := s.text[start:]
	if odd {
		s.raw = append(s.raw, quote(string(content))...)
		return
	}
	s.raw = append(append(append(s.raw, '"'), content...), '"')
}

func (s *mailboxScanner) parenthesis() {
	depth := 0
	s.comment = s.comment[:0]
	s.inside(func(piece string, opaque bool) bool {
		switch {
		case opaque:
		case piece == "(":
			if depth++; depth == 1 {
				return true
			}
		case piece == ")":
			if depth--; depth == 0 {
				return false
			}
		case len(piece) == 2:
			piece = piece[1:]
		}
		s.comment = append(s.comment, piece...)
		return true
	})
}

func (s *mailboxScanner) literal() {
	s.inside(func(piece string, opaque bool) bool {
		s.raw = append(s.raw, piece...)
		s.text = append(s.text, piece...)
		return opaque || piece != "]"
	})
}

func (s *mailboxScanner) flush() {
	m := Mailbox{Name: trimmed(s.name), Address: trimmed(s.raw)}
	if !s.named {
		m.Name = ""
		if bytes.IndexByte(s.raw, '@') < 0 { // words alone: a name without address
			m.Name, m.Address = trimmed(s.text), ""
		}
	}
	if m.Name == "" && m.Address != "" {
		m.Name = trimmed(s.comment)
	}
	if m != (Mailbox{}) {
		s.found = append(s.found, m)
	}
	s.raw, s.text, s.name, s.comment = s.raw[:0], s.text[:0], s.name[:0], s.comment[:0]
	s.angle, s.done, s.named = false, false, false
}

func trimmed(b []byte) string { return string(bytes.Trim(b, " ")) }
