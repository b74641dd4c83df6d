package inline

import (
	"bytes"
	"strings"
)

// attribute is one of a start tag and where it lies in the source.
type attribute struct {
	name       string // lower case
	start, end int    // from the name to the end of the value, with its quotes
}

// nameEnd is where the name of the start tag at start ends.
func nameEnd(src []byte, start int) int {
	return start + 1 + bytes.IndexAny(src[start+1:], " \t\r\n\f/>")
}

// attributes reads a start tag as HTML does (WHATWG HTML 13.2.5.32 and on). At is where its name ends.
func attributes(src []byte, at, end int) []attribute {
	var list []attribute
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
		a.name, a.end = strings.ToLower(string(src[a.start:at])), at
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
func quoted(b []byte, value string) []byte {
	b = append(b, '"')
	for i := range len(value) {
		switch c := value[i]; c {
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
