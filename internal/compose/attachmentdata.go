package compose

import (
	"encoding/base64"
	"strconv"
)

const (
	base64Line  = 76                 // characters of a line (RFC 2045 section 6.8)
	base64Bytes = base64Line / 4 * 3 // what they stand for
)

// base64Text is a JSON string that holds base64. Its characters go into lines, and nothing is decoded.
type base64Text struct {
	quoted []byte
	chars  int // without white space
}

func (t base64Text) size() int { return inLines(t.chars) }

func (t base64Text) appendTo(dst []byte) []byte {
	w := lineWriter{out: dst}
	eachBase64(t.quoted, w.write)
	return w.out
}

// file is content that goes out as base64.
type file []byte

func (f file) size() int { return inLines((len(f) + 2) / 3 * 4) }

func (f file) appendTo(dst []byte) []byte {
	for len(f) > base64Bytes {
		dst = append(base64.StdEncoding.AppendEncode(dst, f[:base64Bytes]), '\r', '\n')
		f = f[base64Bytes:]
	}
	return base64.StdEncoding.AppendEncode(dst, f)
}

// inLines is the size of n characters in lines, the last of which has no line end.
func inLines(n int) int { return n + max(0, n-1)/base64Line*2 }

// lineWriter cuts what it gets into lines.
type lineWriter struct {
	out    []byte
	column int
}

func (w *lineWriter) write(piece []byte) {
	for len(piece) > 0 {
		if w.column == base64Line {
			w.out = append(w.out, '\r', '\n')
			w.column = 0
		}
		n := min(len(piece), base64Line-w.column)
		w.out = append(w.out, piece[:n]...)
		w.column += n
		piece = piece[n:]
	}
}

// readBase64 reads a JSON string; nil if it does not hold base64.
func readBase64(quoted []byte) *base64Text {
	n, padding, good := 0, 0, true
	ok := eachBase64(quoted, func(piece []byte) {
		good = good && (padding == 0 || piece[0] == '=')
		for i := len(piece) - 1; i >= 0 && piece[i] == '='; i-- {
			padding++
		}
		n += len(piece)
	})
	if !ok || !good || padding > 2 || n%4 != 0 {
		return nil
	}
	return &base64Text{quoted, n}
}

// eachBase64 calls f for the pieces of a JSON string that white space and escapes leave, in their order. It ends with false at
// what is no base64. Padding is at the end of a piece, if there is some.
func eachBase64(text []byte, f func(piece []byte)) (ok bool) {
	text = text[1 : len(text)-1]
	for len(text) > 0 {
		n := 0
		for n < len(text) && base64Kinds[text[n]] == digit {
			n++
		}
		for n < len(text) && text[n] == '=' {
			n++
		}
		if n > 0 {
			f(text[:n])
			text = text[n:]
			continue
		}
		c, size := unescaped(text)
		switch kind := base64Kinds[c]; {
		case kind == digit, c == '=':
			f([]byte{c})
		case kind != blank:
			return false
		}
		text = text[size:]
	}
	return true
}

// unescaped is the character that a JSON string goes on with, and the bytes that it has there; 0 if it is none of ASCII.
func unescaped(text []byte) (c byte, size int) {
	if text[0] != '\\' {
		return text[0], 1
	}
	switch text[1] {
	case 'n', 'r', 't':
		return ' ', 2
	case 'u':
		n, err := strconv.ParseUint(string(text[2:6]), 16, 7)
		if err != nil {
			return 0, 6
		}
		return byte(n), 6
	}
	return text[1], 2
}

const (
	digit = 1 + iota
	blank
)

var base64Kinds = func() (kinds [256]byte) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		kinds[c] = digit
	}
	for _, c := range []byte(" \t\r\n") {
		kinds[c] = blank
	}
	return kinds
}()
