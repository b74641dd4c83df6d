package smtp

import (
	"bytes"
	"iter"
	"unicode/utf8"
)

// Reply is what a server answered (RFC 5321 section 4.2). One that a ReplyReader returned is valid until its next use.
type Reply struct {
	Code int
	text []byte // lines without their codes, each but the last ended by a line feed
}

// maxText bounds what is kept of a reply as text; a whole reply may be sixteen times that.
const maxText = 4096

// Positive says that the command was done (2xx).
func (r Reply) Positive() bool { return r.Code/100 == 2 }

// Refusal says that the command was refused, for now (4xx) or for good (5xx).
func (r Reply) Refusal() bool { return r.Code/100 == 4 || r.Code/100 == 5 }

// Lines are the lines as they came, without the code and what separates it from the text.
func (r Reply) Lines() iter.Seq[[]byte] { return bytes.SplitSeq(r.text, []byte{'\n'}) }

// Status is the enhanced code that the text begins with, or nothing (RFC 2034 section 4). The reply code decides on the
// class where the two disagree.
func (r Reply) Status() string {
	n := statusLen(r.text)
	if n == 0 {
		return ""
	}
	if class := byte('0' + r.Code/100); r.text[0] != class {
		return string(class) + string(r.text[1:n])
	}
	return internStatus(r.text[:n])
}

// Text is the reply as one line for people: codes taken away, lines joined by a blank, control characters made blanks,
// cut at 4 KB.
func (r Reply) Text() string {
	var short [256]byte
	b := short[:0]
	for line := range r.Lines() {
		line = bytes.TrimSpace(line[statusLen(line):])
		if len(b) > 0 && len(line) > 0 {
			b = append(b, ' ')
		}
		if b = appendPrintable(b, line); len(b) > maxText {
			return string(cutRune(b[:maxText]))
		}
	}
	return string(b)
}

func appendPrintable(dst, s []byte) []byte {
	start := len(dst)
	dst = append(dst, s...)
	for i, c := range dst[start:] {
		if c < ' ' || c == 0x7f {
			dst[start+i] = ' '
		}
	}
	return dst
}

// cutRune takes away the beginning of a character whose end was cut off.
func cutRune(b []byte) []byte {
	for i := 0; i < utf8.UTFMax && len(b) > 0; i++ {
		if r, n := utf8.DecodeLastRune(b); r != utf8.RuneError || n != 1 {
			break
		}
		b = b[:len(b)-1]
	}
	return b
}
