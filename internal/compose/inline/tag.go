package inline

import (
	"bytes"
	"strings"
)

// attribute is one of a start tag: its name in the source, and where it ends, with the quotes of the value.
type attribute struct {
	name       []byte
	start, end int
}

func (a attribute) is(name string) bool { return len(a.name) == len(name) && prefix(a.name, name) }

// nameEnd is where the name of the start tag at start ends.
func nameEnd(src []byte, start int) int {
	return start + 1 + bytes.IndexAny(src[start+1:], " \t\r\n\f/>")
}

// attributes appends those of a start tag, read as HTML does (WHATWG HTML 13.2.5.32 and on). At is where its name ends.
func attributes(list []attribute, src []byte, at, end int) []attribute {
	for {
		for at < end && (space(src[at]) || src[at] == '/') {
			at++
		}
		if at >= end || src[at] == '>' {
			return list
		}
		a := attribute{start: at}
		for at++; at < end && !space(src[at]) && strings.IndexByte("/>=", src[at]) < 0; at++ {
		}
		a.name, a.end = src[a.start:at], at
		for at < end && space(src[at]) {
			at++
		}
		if at < end && src[at] == '=' {
			at = valueEnd(src, at+1, end)
			a.end = at
		}
		list = append(list, a)
	}
}

// valueEnd is where the value that begins at or after at ends.
func valueEnd(src []byte, at, end int) int {
	for at < end && space(src[at]) {
		at++
	}
	if at >= end || src[at] == '>' {
		return at
	}
	if quote := src[at]; quote == '"' || quote == '\'' {
		if n := bytes.IndexByte(src[at+1:end], quote); n >= 0 {
			return at + 1 + n + 1
		}
		return end
	}
	for at < end && !space(src[at]) && src[at] != '>' {
		at++
	}
	return at
}

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' }

// quoted appends a value with quotes.
func quoted(b, value []byte) []byte {
	b = append(b, '"')
	for _, c := range value {
		switch c {
		case '"':
			b = append(b, "&quot;"...)
		case '&':
			b = append(b, "&amp;"...)
		case '<':
			b = append(b, "&lt;"...)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
