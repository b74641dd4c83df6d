package dkim

import (
	"bytes"
	"encoding/binary"
	"io"
	"sync"

	"posthoorn/internal/mime"
)

// appendHeader appends a field in canonical form, with its line end (RFC 6376 sections 3.4.1 and 3.4.2).
func appendHeader(dst, source []byte, f *mime.Field, simple bool) []byte {
	if !simple {
		return append(appendRelaxed(dst, f.Name, f.Value), '\r', '\n')
	}
	return append(append(dst, bytes.TrimSuffix(source[f.Start:f.End], crlf)...), '\r', '\n')
}

var crlf = []byte("\r\n")

// appendRelaxed appends name:value: name in lower case, folds undone, white space single, none around the colon and at the end.
func appendRelaxed(dst, name, value []byte) []byte {
	for _, c := range name {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	dst = append(dst, ':')
	space, start := false, len(dst)
	for _, c := range value {
		switch {
		case c == '\r' || c == '\n':
		case blank(c):
			space = true
		default:
			if space && len(dst) > start {
				dst = append(dst, ' ')
			}
			dst, space = append(dst, c), false
		}
	}
	return dst
}

func blank(c byte) bool { return c == ' ' || c == '\t' }

// writeSimple writes a body in the canonical form of RFC 6376 section 3.4.3: one line end at its end, whatever was there.
func writeSimple(w io.Writer, body []byte) {
	for bytes.HasSuffix(body, crlf) {
		body = body[:len(body)-len(crlf)]
	}
	_, _ = w.Write(body)
	_, _ = w.Write(crlf)
}

// writeRelaxed writes a body in the canonical form of RFC 6376 section 3.4.4: white space single, none at the end of lines, no
// empty lines at the end. An empty body stays empty.
func writeRelaxed(w io.Writer, body []byte) {
	body = withoutBlankEnd(body)
	if len(body) == 0 {
		return
	}
	out := gathers.Get().(*gather)
	defer gathers.Put(out)
	out.w = w
	start := 0
	for i := nextSpace(body, 0); i < len(body); i = nextSpace(body, start) {
		out.write(body[start:i])
		start = i
		for blank(body[start]) {
			start++ // ends: the last byte is not blank
		}
		if !bytes.HasPrefix(body[start:], crlf) {
			out.write(single)
		}
	}
	out.write(body[start:])
	out.write(crlf)
	out.flush()
}

var single = []byte{' '}

// withoutBlankEnd cuts empty lines, the last line end and white space before it.
func withoutBlankEnd(body []byte) []byte {
	for {
		body = bytes.TrimRight(body, " \t")
		if !bytes.HasSuffix(body, crlf) {
			return body
		}
		body = body[:len(body)-len(crlf)]
	}
}

// nextSpace is where white space from i on begins that may have to change: a tab, or a space before white space or a CR; else the
// length of body.
func nextSpace(body []byte, i int) int {
	for ; i+9 <= len(body); i += 8 {
		here, next := binary.LittleEndian.Uint64(body[i:]), binary.LittleEndian.Uint64(body[i+1:])
		if have(here, '\t')|have(here, ' ')&(have(next, ' ')|have(next, '\t')|have(next, '\r')) == 0 {
			continue
		}
		for j := i; j < i+8; j++ {
			if mayChange(body[j], body[j+1]) {
				return j
			}
		}
	}
	for ; i+1 < len(body); i++ {
		if mayChange(body[i], body[i+1]) {
			return i
		}
	}
	return len(body)
}

func mayChange(c, next byte) bool { return c == '\t' || c == ' ' && (blank(next) || next == '\r') }

// have marks the bytes of x that are c with their high bit, and perhaps a byte above one.
func have(x uint64, c byte) uint64 {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	x ^= ones * uint64(c)
	return (x - ones) &^ x & high
}

var gathers = sync.Pool{New: func() any { return new(gather) }}

// gather collects small writes, which a hash would take one by one.
type gather struct {
	w   io.Writer
	n   int
	buf [4096]byte
}

func (g *gather) write(p []byte) {
	if g.n+len(p) > len(g.buf) {
		g.flush()
		if len(p) > len(g.buf) {
			_, _ = g.w.Write(p)
			return
		}
	}
	g.n += copy(g.buf[g.n:], p)
}

func (g *gather) flush() {
	_, _ = g.w.Write(g.buf[:g.n])
	g.n = 0
}
