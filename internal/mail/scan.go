package mail

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// MaxDepth is how deep arrays and objects of a message may be nested.
const MaxDepth = 200

// SyntaxError tells where the text stops being JSON.
type SyntaxError struct {
	Offset int
	Reason string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("byte %d: %s", e.Offset, e.Reason) }

var (
	errNotObject  = errors.New("not a JSON object")
	errProperties = errors.New("too many properties")
)

// scanner walks over JSON text and finds where values end, checking the grammar of RFC 8259 on the way.
type scanner struct {
	data []byte
	pos  int
}

func (s *scanner) fail(reason string) error { return &SyntaxError{Offset: s.pos, Reason: reason} }

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// peek returns the next byte, or 0 at the end of the text.
func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *scanner) expect(c byte) error {
	if s.peek() != c || s.pos >= len(s.data) {
		return s.fail(fmt.Sprintf("%q expected", c))
	}
	s.pos++
	return nil
}

// value skips one value of any kind and returns its bytes.
func (s *scanner) value(depth int) ([]byte, error) {
	if depth > MaxDepth {
		return nil, s.fail("nested too deep")
	}
	start := s.pos
	var err error
	switch c := s.peek(); {
	case c == '"':
		err = s.str()
	case c == '{':
		err = s.members(depth, nil)
	case c == '[':
		err = s.elements(depth, nil)
	case c == '-' || c >= '0' && c <= '9':
		err = s.number()
	case c == 't':
		err = s.word("true")
	case c == 'f':
		err = s.word("false")
	case c == 'n':
		err = s.word("null")
	default:
		err = s.fail("value expected")
	}
	return s.data[start:s.pos], err
}

func (s *scanner) word(w string) error {
	if !bytes.HasPrefix(s.data[s.pos:], []byte(w)) {
		return s.fail(w + " expected")
	}
	s.pos += len(w)
	return nil
}

// members walks over an object; each, when given, gets every raw name (with its quotes) and raw value.
func (s *scanner) members(depth int, each func(name, value []byte) error) error {
	s.pos++
	if s.space(); s.peek() == '}' {
		s.pos++
		return nil
	}
	for {
		if err := s.member(depth, each); err != nil {
			return err
		}
		if done, err := s.separator('}'); done || err != nil {
			return err
		}
	}
}

func (s *scanner) member(depth int, each func(name, value []byte) error) error {
	s.space()
	start := s.pos
	if s.peek() != '"' {
		return s.fail("property name expected")
	}
	if err := s.str(); err != nil {
		return err
	}
	name := s.data[start:s.pos]
	s.space()
	if err := s.expect(':'); err != nil {
		return err
	}
	s.space()
	value, err := s.value(depth + 1)
	if err != nil || each == nil {
		return err
	}
	return each(name, value)
}

// elements walks over an array; each, when given, gets every raw element.
func (s *scanner) elements(depth int, each func(value []byte) error) error {
	s.pos++
	if s.space(); s.peek() == ']' {
		s.pos++
		return nil
	}
	for {
		s.space()
		value, err := s.value(depth + 1)
		if err == nil && each != nil {
			err = each(value)
		}
		if err != nil {
			return err
		}
		if done, err := s.separator(']'); done || err != nil {
			return err
		}
	}
}

// separator steps over a comma, or over the end sign and then reports that the list is done.
func (s *scanner) separator(end byte) (bool, error) {
	s.space()
	switch s.peek() {
	case ',':
		s.pos++
		return false, nil
	case end:
		s.pos++
		return true, nil
	}
	return false, s.fail(fmt.Sprintf("comma or %q expected", end))
}

// plain is true for the bytes that may stand in a string as they are.
var plain = func() (t [256]bool) {
	for c := 0x20; c < 256; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// allPlain says that none of eight bytes is a quote, a backslash or below 0x20. It may say no for the neighbour of one.
func allPlain(x uint64) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	quote, backslash := x^ones*'"', x^ones*'\\'
	return ((x-ones*0x20)&^x|(quote-ones)&^quote|(backslash-ones)&^backslash)&high == 0
}

// str skips a string. Bytes that are not UTF-8 are let through here: a source must be passed on byte by byte.
func (s *scanner) str() error {
	data, i := s.data, s.pos+1
	for i < len(data) {
		for i+8 <= len(data) && allPlain(binary.LittleEndian.Uint64(data[i:])) {
			i += 8
		}
		if i == len(data) {
			break
		}
		c := data[i]
		if plain[c] {
			i++
			continue
		}
		switch {
		case c == '"':
			s.pos = i + 1
			return nil
		case c < 0x20:
			s.pos = i
			return s.fail("control character in a string")
		}
		n := escapeLen(data[i:])
		if n == 0 {
			s.pos = i
			return s.fail("bad escape in a string")
		}
		i += n
	}
	s.pos = len(data)
	return s.fail("string without an end")
}

// escapeLen is the length of the escape at the start of b, 0 when it is none.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) < 6 {
			return 0
		}
		for _, c := range b[2:6] {
			if hexValue(c) < 0 {
				return 0
			}
		}
		return 6
	}
	return 0
}

func hexValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// number skips a number as RFC 8259 section 6 writes it.
func (s *scanner) number() error {
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if !s.digits() {
		return s.fail("digit expected")
	}
	if s.peek() == '.' {
		s.pos++
		if !s.digits() {
			return s.fail("digit expected")
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		if !s.digits() {
			return s.fail("digit expected")
		}
	}
	return nil
}

func (s *scanner) digits() bool {
	start := s.pos
	for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
		s.pos++
	}
	return s.pos > start
}

// object walks over the object that data must consist of.
func object(data []byte, each func(name, value []byte) error) error {
	s := &scanner{data: data}
	if s.space(); s.peek() != '{' {
		return errNotObject
	}
	if err := s.members(0, each); err != nil {
		return err
	}
	if s.space(); s.pos != len(data) {
		return s.fail("text after the object")
	}
	return nil
}

// array walks over the array that data must consist of; false when it is none. A serializer's {"$values": [...]} counts as
// the array inside (clients.md A).
func array(data []byte, each func(value []byte) error) bool {
	s := &scanner{data: data}
	switch s.space(); s.peek() {
	case '[':
		return s.elements(0, each) == nil
	case '{':
		wrapped := false
		_ = s.members(0, func(name, value []byte) error {
			if string(name) == `"$values"` && value[0] == '[' {
				wrapped = array(value, each)
			}
			return nil
		})
		return wrapped
	}
	return false
}

// appendUnquoted appends the text that a raw JSON string (with its quotes) stands for.
func appendUnquoted(dst, raw []byte) []byte {
	raw = raw[1 : len(raw)-1]
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return append(dst, raw...)
		}
		dst = append(dst, raw[:i]...)
		var n int
		dst, n = appendEscaped(dst, raw[i:])
		raw = raw[i+n:]
	}
}

// appendUnquotedStart is appendUnquoted for the first n bytes or a few more, without looking at the rest.
func appendUnquotedStart(dst, raw []byte, n int) []byte {
	raw = raw[1 : len(raw)-1]
	for limit := len(dst) + n; len(dst) < limit; {
		chunk := raw[:min(len(raw), limit-len(dst))]
		i := bytes.IndexByte(chunk, '\\')
		if i < 0 {
			return append(dst, chunk...)
		}
		dst = append(dst, raw[:i]...)
		var used int
		dst, used = appendEscaped(dst, raw[i:])
		raw = raw[i+used:]
	}
	return dst
}

// appendEscaped appends what the escape at the start of b stands for and returns its length.
func appendEscaped(dst, b []byte) ([]byte, int) {
	switch b[1] {
	case 'n':
		return append(dst, '\n'), 2
	case 'r':
		return append(dst, '\r'), 2
	case 't':
		return append(dst, '\t'), 2
	case 'b':
		return append(dst, '\b'), 2
	case 'f':
		return append(dst, '\f'), 2
	case 'u':
		return appendUnicode(dst, b)
	}
	return append(dst, b[1]), 2
}

// appendUnicode joins surrogate pairs; a lone surrogate becomes U+FFFD.
func appendUnicode(dst, b []byte) ([]byte, int) {
	r := hex4(b)
	if r < 0xD800 || r > 0xDFFF {
		return utf8.AppendRune(dst, r), 6
	}
	if r < 0xDC00 && len(b) >= 12 && b[6] == '\\' && b[7] == 'u' && escapeLen(b[6:]) == 6 {
		if low := hex4(b[6:]); low >= 0xDC00 && low <= 0xDFFF {
			return utf8.AppendRune(dst, (r-0xD800)<<10|(low-0xDC00)+0x10000), 12
		}
	}
	return utf8.AppendRune(dst, utf8.RuneError), 6
}

func hex4(b []byte) (r rune) {
	for _, c := range b[2:6] {
		r = r<<4 | rune(hexValue(c))
	}
	return r
}
