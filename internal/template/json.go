package template

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// A cursor walks over the members or elements of one JSON container. On damaged text it stops early.
type cursor struct {
	raw []byte
	pos int
	key []byte // of a member, still escaped, without its quotes; nil for an element
	val []byte
}

// next moves to the next member or element and reports whether there is one.
func (c *cursor) next() bool {
	i := skipSpace(c.raw, c.pos)
	if i < len(c.raw) && (c.pos == 0 || c.raw[i] == ',') {
		i = skipSpace(c.raw, i+1)
	}
	if i >= len(c.raw) || c.raw[i] == ']' || c.raw[i] == '}' {
		return false
	}
	c.key = nil
	if c.raw[0] == '{' {
		if i = c.readKey(i); i < 0 {
			return false
		}
	}
	end := skipValue(c.raw, i)
	if end <= i {
		return false
	}
	c.val, c.pos = c.raw[i:end], end
	return true
}

// readKey reads a key at i and returns where its value begins, or -1.
func (c *cursor) readKey(i int) int {
	end := skipString(c.raw, i)
	if end < 0 {
		return -1
	}
	c.key = c.raw[i+1 : end-1]
	i = skipSpace(c.raw, end)
	if i >= len(c.raw) || c.raw[i] != ':' {
		return -1
	}
	return skipSpace(c.raw, i+1)
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

func trimSpace(b []byte) []byte {
	b = b[skipSpace(b, 0):]
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// skipString returns the index behind the string that begins at i, or -1.
func skipString(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return -1
	}
	for i++; ; i++ {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return -1
		}
		i += n
		if !escaped(b, i) {
			return i + 1
		}
	}
}

// escaped reports whether the byte at i stands behind an odd number of backslashes.
func escaped(b []byte, i int) bool {
	n := 0
	for i--; i >= 0 && b[i] == '\\'; i-- {
		n++
	}
	return n%2 == 1
}

// skipValue returns the index behind the value that begins at i, or -1. It does not recurse, so that
// no depth of foreign data can hurt.
func skipValue(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch c := b[i]; {
		case c == '"':
			if i = skipString(b, i); i < 0 {
				return -1
			}
		case c == '{' || c == '[':
			depth++
			i++
		case c == '}' || c == ']':
			depth--
			i++
		case depth == 0:
			return skipScalar(b, i)
		default:
			i++
		}
		if depth <= 0 {
			return i
		}
	}
	return -1
}

func skipScalar(b []byte, i int) int {
	for i < len(b) && !isSpace(b[i]) && b[i] != ',' && b[i] != ']' && b[i] != '}' {
		i++
	}
	return i
}

func isPlain(inner []byte) bool {
	return bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner)
}

// decodeString undoes the escapes of a JSON string. What is no valid escape stays, what is no valid
// UTF-8 becomes U+FFFD.
func decodeString(inner []byte) string {
	out := make([]byte, 0, len(inner))
	for i := 0; i < len(inner); {
		if inner[i] == '\\' {
			r, n := decodeEscape(inner[i:])
			out = utf8.AppendRune(out, r)
			i += n
			continue
		}
		r, n := utf8.DecodeRune(inner[i:])
		out = utf8.AppendRune(out, r)
		i += n
	}
	return string(out)
}

func decodeEscape(b []byte) (r rune, n int) {
	if len(b) < 2 {
		return '\\', 1
	}
	switch b[1] {
	case 'n':
		return '\n', 2
	case 't':
		return '\t', 2
	case 'r':
		return '\r', 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case '"', '\\', '/':
		return rune(b[1]), 2
	case 'u':
		return decodeUnicode(b)
	}
	return '\\', 1
}

func decodeUnicode(b []byte) (r rune, n int) {
	r, ok := hex4(b)
	if !ok {
		return '\\', 1
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if low, ok := hex4(b[6:]); ok {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 32)
	return rune(n), err == nil
}

// appendSpaced copies a JSON container with one blank behind commas and colons and inside brackets.
func appendSpaced(dst, raw []byte) []byte {
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case isSpace(c):
		case c == '"':
			end := skipString(raw, i)
			if end < 0 {
				return dst
			}
			dst = append(dst, bytes.ToValidUTF8(raw[i:end], []byte("\uFFFD"))...)
			i = end - 1
		case c == '{' || c == '[':
			dst = append(dst, c)
			if j := skipSpace(raw, i+1); j < len(raw) && raw[j] != '}' && raw[j] != ']' {
				dst = append(dst, ' ')
			}
		case c == '}' || c == ']':
			if n := len(dst); n > 0 && dst[n-1] != '{' && dst[n-1] != '[' {
				dst = append(dst, ' ')
			}
			dst = append(dst, c)
		case c == ',' || c == ':':
			dst = append(dst, c, ' ')
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
