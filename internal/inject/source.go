package inject

import (
	"bytes"
	"encoding/binary"
	"errors"
	"iter"
	"math/bits"

	"posthoorn/internal/mail"
	"posthoorn/internal/mime"
)

// maxReceived is how many hops a message may have behind it before it is taken for a loop (RFC 5321 section 6.3).
const maxReceived = 100

var (
	errTooBig = &mail.Error{Code: 552, Status: "5.3.4", Text: "Message is too big"}
	errEmpty  = &mail.Error{Code: 554, Status: "5.6.0", Text: "Message is empty"}
	errNUL    = &mail.Error{Code: 554, Status: "5.6.0", Text: "Message contains NUL bytes"}
	errLoop   = &mail.Error{Code: 554, Status: "5.4.6", Text: "Too many hops, this message is looping"}
)

// NormalLines returns source with CRLF at the end of every line and nowhere else a CR or LF (threats: smuggling): the source
// itself when it is so already. CRs before an LF are one line end with it; a CR alone is a line end.
func NormalLines(source []byte) []byte {
	size, same := NormalSize(source)
	if same {
		return source
	}
	out := make([]byte, 0, size)
	for text, lines := range byLineEnds(source) {
		out = append(out, text...)
		for range lines {
			out = append(out, '\r', '\n')
		}
	}
	return out
}

// NormalSize is how long NormalLines of a source is, and whether it is the source itself.
func NormalSize(source []byte) (size int, same bool) {
	if linesAreNormal(source) {
		return len(source), true
	}
	for text, lines := range byLineEnds(source) {
		size += len(text) + len("\r\n")*lines
	}
	return size, false
}

// byLineEnds gives every text without a CR or LF, with the number of line ends behind it.
func byLineEnds(source []byte) iter.Seq2[[]byte, int] {
	return func(yield func([]byte, int) bool) {
		for len(source) > 0 {
			i, n, lines := bytes.IndexAny(source, "\r\n"), 0, 0
			if i < 0 {
				i = len(source)
			} else {
				n, lines = lineEnds(source[i:])
			}
			if !yield(source[:i], lines) {
				return
			}
			source = source[i+n:]
		}
	}
}

// lineEnds is the length of the run of CRs at the start of b, with the LF behind it, and how many line ends it is. A run is
// looked at once: looking ahead from every CR of a long one would be quadratic.
func lineEnds(b []byte) (n, lines int) {
	for n < len(b) && b[n] == '\r' {
		n++
	}
	if n < len(b) && b[n] == '\n' {
		return n + 1, 1
	}
	return n, n
}

func linesAreNormal(source []byte) bool {
	lines := 0
	for pos := 0; ; lines++ {
		i := bytes.IndexByte(source[pos:], '\n')
		if i < 0 {
			return bytes.Count(source, []byte{'\r'}) == lines
		}
		if i == 0 || source[pos+i-1] != '\r' {
			return false
		}
		pos += i + 1
	}
}

// parse reads the header and checks what holds for mail of every channel.
func (d *Door) parse(s *Submission) (mime.Header, error) {
	source := s.Source
	if len(source) == 0 {
		return mime.Header{}, errEmpty
	}
	if d.opts.MaxSize > 0 && int64(len(source)) > d.opts.MaxSize {
		return mime.Header{}, errTooBig
	}
	if bytes.IndexByte(source, 0) >= 0 {
		return mime.Header{}, errNUL
	}
	if !s.Normal {
		source = NormalLines(source)
	}
	h, err := mime.ParseHeader(source)
	switch {
	case errors.Is(err, mime.ErrHeaderSize):
		return h, &mail.Error{Code: 552, Status: "5.3.4", Text: "Message header is too big", Cause: err}
	case err != nil:
		return h, &mail.Error{Code: 554, Status: "5.6.0", Text: "Message header cannot be read", Cause: err}
	}
	hops := 0
	for i := range h.Fields {
		if h.Fields[i].Is("Received") {
			hops++
		}
	}
	if hops > maxReceived {
		return h, errLoop
	}
	return h, nil
}

// escapedSize is how many bytes appendEscaped appends for all pieces. It counts what is escaped, kind by kind: that is twice as
// quick as to look for each.
func escapedSize(pieces [][]byte) (n int) {
	const short, long = len(`\n`) - 1, len(`\u0000`) - 1 // what an escape adds
	for _, p := range pieces {
		ends := bytes.Count(p, []byte{'\r'}) + bytes.Count(p, []byte{'\n'}) + bytes.Count(p, []byte{'\t'})
		marks := bytes.Count(p, []byte{'"'}) + bytes.Count(p, []byte{'\\'})
		n += len(p) + short*(ends+marks) + long*(countControls(p)-ends)
	}
	return n
}

// countControls counts the bytes below a blank: eight at a time.
func countControls(b []byte) (n int) {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		others := (x&^highs + 0x60*ones) | x // the highest bit of each byte that is none
		n += bits.OnesCount64(^others & highs)
	}
	for ; i < len(b); i++ {
		if b[i] < ' ' {
			n++
		}
	}
	return n
}

// A byte each of a word: its lowest and its highest bit.
const ones, highs = 0x0101010101010101, 0x8080808080808080

// appendEscaped appends UTF-8 text as the inside of a JSON string. It is the hot loop of reception.
func appendEscaped(dst, src []byte) []byte {
	for {
		n := plainPrefix(src)
		dst = append(dst, src[:n]...)
		if n == len(src) {
			return dst
		}
		switch c := src[n]; c {
		case '\r':
			if n+1 < len(src) && src[n+1] == '\n' {
				dst = append(dst, `\r\n`...)
				n++
			} else {
				dst = append(dst, `\r`...)
			}
		case '\n':
			dst = append(dst, `\n`...)
		case '\t':
			dst = append(dst, `\t`...)
		case '"', '\\':
			dst = append(dst, '\\', c)
		default:
			const hex = "0123456789abcdef"
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		src = src[n+1:]
	}
}

// plainPrefix is how many bytes at the start of b need no escape: eight at a time.
func plainPrefix(b []byte) int {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		quote, slash := x^('"'*ones), x^('\\'*ones)
		hit := ((x-' '*ones)&^x | (quote-ones)&^quote | (slash-ones)&^slash) & highs
		if hit != 0 {
			return i + bits.TrailingZeros64(hit)/8
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c < ' ' || c == '"' || c == '\\' {
			return i
		}
	}
	return i
}
