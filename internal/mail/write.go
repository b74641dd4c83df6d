package mail

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// TimeLayout is how every moment is written, always UTC (message-json.md section 1).
const TimeLayout = "2006-01-02 15:04:05"

// AppendTime appends t as a JSON string in TimeLayout, UTC.
func AppendTime(dst []byte, t time.Time) []byte {
	dst = append(dst, '"')
	dst = t.UTC().AppendFormat(dst, TimeLayout)
	return append(dst, '"')
}

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string. Only what RFC 8259 demands is escaped; bytes that are not UTF-8
// become U+FFFD.
func AppendString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if plain[c] {
				i++
				continue
			}
			dst = append(dst, s[start:i]...)
			dst = appendEscape(dst, c)
			i++
			start = i
			continue
		}
		r, n := decodeRune(s[i:min(len(s), i+utf8.UTFMax)])
		if r == utf8.RuneError && n == 1 {
			dst = append(dst, s[start:i]...)
			dst = append(dst, "\uFFFD"...)
			start = i + 1
		}
		i += n
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

func decodeRune[T string | []byte](s T) (rune, int) { return utf8.DecodeRuneInString(string(s)) }

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// Object writes one JSON object, property by property. The zero value is ready for use.
type Object struct {
	buf  []byte
	open bool
}

// NewObject appends to buf, so that a caller may reuse memory.
func NewObject(buf []byte) *Object { return &Object{buf: buf} }

func (o *Object) name(name string) {
	sign := byte(',')
	if !o.open {
		o.open, sign = true, '{'
	}
	o.buf = append(AppendString(append(o.buf, sign), name), ':')
}

// String writes a text property.
func (o *Object) String(name, value string) *Object {
	o.name(name)
	o.buf = AppendString(o.buf, value)
	return o
}

// Text writes a text property from bytes.
func (o *Object) Text(name string, value []byte) *Object {
	o.name(name)
	o.buf = AppendString(o.buf, value)
	return o
}

// Optional writes a text property unless it is empty.
func (o *Object) Optional(name, value string) *Object {
	if value != "" {
		o.String(name, value)
	}
	return o
}

// Int writes a number.
func (o *Object) Int(name string, value int64) *Object {
	o.name(name)
	o.buf = strconv.AppendInt(o.buf, value, 10)
	return o
}

// Bool writes true or false.
func (o *Object) Bool(name string, value bool) *Object {
	o.name(name)
	o.buf = strconv.AppendBool(o.buf, value)
	return o
}

// Time writes a moment in TimeLayout, UTC.
func (o *Object) Time(name string, value time.Time) *Object {
	o.name(name)
	o.buf = AppendTime(o.buf, value)
	return o
}

// Strings writes an array of texts.
func (o *Object) Strings(name string, values []string) *Object {
	o.name(name)
	o.buf = append(o.buf, '[')
	for i, v := range values {
		if i > 0 {
			o.buf = append(o.buf, ',')
		}
		o.buf = AppendString(o.buf, v)
	}
	o.buf = append(o.buf, ']')
	return o
}

// Raw writes a value that is JSON already.
func (o *Object) Raw(name string, value []byte) *Object {
	o.name(name)
	o.buf = append(o.buf, value...)
	return o
}

// Object writes a nested object, filled by fill.
func (o *Object) Object(name string, fill func(*Object)) *Object {
	o.name(name)
	inner := &Object{buf: o.buf}
	fill(inner)
	o.buf = inner.Bytes()
	return o
}

// Bytes closes the object and returns its text.
func (o *Object) Bytes() []byte {
	if !o.open {
		o.buf = append(o.buf, '{')
	}
	return append(o.buf, '}')
}
