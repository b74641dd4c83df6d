package compose

import (
	"bytes"
	"encoding/json"

	"posthoorn/internal/compose/node"
)

// checkJSON says why raw cannot be a document. The functions below rely on it that JSON is well-formed.
func checkJSON(raw []byte) error {
	switch {
	case !json.Valid(raw):
		return &node.Error{Path: "mime", Text: "not JSON"}
	case raw[skipBlanks(raw, 0)] != '{':
		return &node.Error{Path: "mime", Text: "a text or an object is expected"}
	}
	return nil
}

// eachMember calls f for the members of an object, in their order, with slices of raw. Anything else has none.
func eachMember(raw []byte, f func(name string, value []byte)) {
	pos := skipBlanks(raw, 0)
	if raw[pos] != '{' {
		return
	}
	for pos = skipBlanks(raw, pos+1); raw[pos] != '}'; {
		end := endOfString(raw, pos)
		var name string
		_ = json.Unmarshal(raw[pos:end], &name) // it is a string
		pos = skipBlanks(raw, skipBlanks(raw, end)+1)
		end = endOfValue(raw, pos)
		f(name, raw[pos:end])
		pos = skipComma(raw, end)
	}
}

// eachElement calls f for the elements of an array, in their order. Anything else has none.
func eachElement(raw []byte, f func(element []byte)) {
	if raw[0] != '[' {
		return
	}
	for pos := skipBlanks(raw, 1); raw[pos] != ']'; {
		end := endOfValue(raw, pos)
		f(raw[pos:end])
		pos = skipComma(raw, end)
	}
}

func isNull(value []byte) bool { return value[0] == 'n' }

func skipBlanks(raw []byte, pos int) int {
	for raw[pos] == ' ' || raw[pos] == '\t' || raw[pos] == '\n' || raw[pos] == '\r' {
		pos++
	}
	return pos
}

// skipComma goes on behind a value, to the next one or to the bracket.
func skipComma(raw []byte, pos int) int {
	if pos = skipBlanks(raw, pos); raw[pos] == ',' {
		pos = skipBlanks(raw, pos+1)
	}
	return pos
}

// endOfString is the place behind the string that begins at pos.
func endOfString(raw []byte, pos int) int {
	quote := pos
	for pos++; ; {
		if pos > quote {
			quote = pos + bytes.IndexByte(raw[pos:], '"')
		}
		escape := bytes.IndexByte(raw[pos:quote], '\\')
		if escape < 0 {
			return quote + 1
		}
		pos += escape + 2
	}
}

// endOfValue is the place behind the value that begins at pos.
func endOfValue(raw []byte, pos int) int {
	for depth := 0; ; {
		switch raw[pos] {
		case '"':
			pos = endOfString(raw, pos) - 1
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		default:
			if depth == 0 {
				return endOfWord(raw, pos)
			}
		}
		if pos++; depth == 0 {
			return pos
		}
	}
}

// endOfWord is the place behind a number, true, false or null.
func endOfWord(raw []byte, pos int) int {
	for pos < len(raw) && bytes.IndexByte([]byte(" \t\r\n,]}"), raw[pos]) < 0 {
		pos++
	}
	return pos
}
