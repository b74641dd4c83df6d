package mime

import (
	"bytes"
	"errors"
)

// Limits of a header. Beyond them a message is refused, not cut.
const (
	MaxHeader = 1 << 20  // bytes
	MaxFields = 1000     // fields
	MaxLine   = 64 << 10 // bytes of one line; RFC 5322 allows 998, generated mail has more
)

// Why a header is refused.
var (
	ErrHeaderSize = errors.New("header is too large")
	ErrFields     = errors.New("header has too many fields")
	ErrLine       = errors.New("header has a line that is too long")
)

// Field is one header field.
type Field struct {
	Name       []byte // as written, without blanks before the colon
	Value      []byte // what follows the colon, folds included, without the last line end
	Start, End int    // where the field lies in the source, its last line end included
}

// Is compares the name without regard to case.
func (f *Field) Is(name string) bool { return EqualName(f.Name, name) }

// Header is where the fields of a message lie.
type Header struct {
	Fields []Field
	Body   int  // offset of what follows the header: of the blank line, if there is one
	Closed bool // a blank line or the end of the source ends the header, not a line that is no field

	source []byte
}

// ParseHeader finds the fields at the start of a message. Lines end with CRLF or LF. A line that is neither a field nor the
// continuation of one ends the header, as it does for most mail programs. The errors are ErrHeaderSize, ErrFields and ErrLine.
func ParseHeader(source []byte) (Header, error) {
	h := Header{source: source, Fields: make([]Field, 0, 24)}
	for pos := 0; ; {
		line, err := lineAt(source, pos)
		if err != nil {
			return h, err
		}
		content := bytes.TrimRight(line, "\r\n")
		if len(content) == 0 {
			h.Body, h.Closed = pos, true
			return h, nil
		}
		if !h.add(content, pos, pos+len(line)) {
			h.Body = pos
			return h, nil
		}
		if len(h.Fields) > MaxFields {
			return h, ErrFields
		}
		if pos += len(line); pos > MaxHeader {
			return h, ErrHeaderSize
		}
	}
}

// lineAt is the line that starts at pos, with its line end; empty at the end of the source.
func lineAt(source []byte, pos int) ([]byte, error) {
	rest := source[pos:]
	window := rest[:min(len(rest), MaxLine+1)]
	end := bytes.IndexByte(window, '\n')
	if end >= 0 {
		return rest[:end+1], nil
	}
	if len(window) > MaxLine {
		return nil, ErrLine
	}
	return rest, nil
}

// add takes a line as a new field or as continuation of the last one; false when it is neither.
func (h *Header) add(content []byte, start, end int) bool {
	if content[0] == ' ' || content[0] == '\t' {
		if len(h.Fields) == 0 {
			return false
		}
		last := &h.Fields[len(h.Fields)-1]
		valueStart := last.Start + bytes.IndexByte(h.source[last.Start:last.End], ':') + 1
		last.Value = h.source[valueStart : start+len(content)]
		last.End = end
		return true
	}
	colon := bytes.IndexByte(content, ':')
	if colon <= 0 {
		return false
	}
	name := bytes.TrimRight(content[:colon], " \t")
	if !isName(name) {
		return false
	}
	h.Fields = append(h.Fields, Field{Name: name, Value: content[colon+1:], Start: start, End: end})
	return true
}

// isName says whether name is a field name of RFC 5322 section 3.6.8.
func isName(name []byte) bool {
	for _, c := range name {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return len(name) > 0
}

// EqualName compares a field name without regard to case.
func EqualName(name []byte, want string) bool {
	return len(name) == len(want) && HasNamePrefix(name, want)
}

// HasNamePrefix says whether a field name starts with prefix, without regard to case.
func HasNamePrefix(name []byte, prefix string) bool {
	if len(name) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if lower(name[i]) != lower(prefix[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// Collect returns the fields that match, in their order.
func (h *Header) Collect(match func(*Field) bool) []Field {
	var found []Field
	for i := range h.Fields {
		if match(&h.Fields[i]) {
			found = append(found, h.Fields[i])
		}
	}
	return found
}

// Rest is what follows the header, the blank line included, if there is one.
func (h *Header) Rest() []byte { return h.source[h.Body:] }

// Without returns the pieces of the source, in order, that are left when the fields that match are taken out.
func (h *Header) Without(match func(*Field) bool) [][]byte {
	var pieces [][]byte
	start := 0
	for i := range h.Fields {
		f := &h.Fields[i]
		if !match(f) {
			continue
		}
		if f.Start > start {
			pieces = append(pieces, h.source[start:f.Start])
		}
		start = f.End
	}
	if start < len(h.source) {
		pieces = append(pieces, h.source[start:])
	}
	return pieces
}

// Unfold is the text of a field: folds undone (RFC 5322 section 2.2.3), blanks around it removed.
func Unfold(value []byte) []byte {
	value = bytes.Trim(value, " \t\r\n")
	if bytes.IndexByte(value, '\n') < 0 && bytes.IndexByte(value, '\r') < 0 {
		return value
	}
	out := make([]byte, 0, len(value))
	for _, c := range value {
		if c != '\r' && c != '\n' {
			out = append(out, c)
		}
	}
	return out
}
