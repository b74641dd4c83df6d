package mime

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// Span is a range of bytes.
type Span struct{ Start, End int }

// maxWord is the length of an encoded word (RFC 2047 section 2).
const maxWord = 75

// DecodeWords replaces the encoded words of an unfolded field (RFC 2047) by the text that they stand for. Words in a character
// set that is not known stay as they are; bytes that are no UTF-8 are taken for Windows-1252.
func DecodeWords(text string) string {
	out, _ := Words(text)
	return out
}

// Words is [DecodeWords], and where in the result the text of encoded words lies: nothing in there is syntax, whatever it
// looks like (RFC 2047 section 6.2).
func Words(text string) (string, []Span) {
	if !utf8.ValidString(text) {
		text = fromWindows(text)
	}
	next := strings.Index(text, "=?")
	if next < 0 {
		return text, nil
	}
	d := wordDecoder{out: make([]byte, 0, len(text))}
	pos := 0
	for next >= 0 {
		next += pos
		w, ok := wordAt(text[next:])
		if !ok {
			d.plain(text[pos : next+2])
			pos = next + 2
		} else {
			d.plain(text[pos:next])
			d.word(w)
			pos = next + len(w.source)
		}
		next = strings.Index(text[pos:], "=?")
	}
	d.plain(text[pos:])
	d.flush()
	return string(d.out), d.spans
}

// encodedWord is =?charset?encoding?content?=.
type encodedWord struct {
	source, charset string
	content         []byte
}

// longestWord is how long an encoded word may be that is read. In the wild they hold blanks and are longer than allowed.
const longestWord = 4096

// wordAt reads the encoded word that s starts with.
func wordAt(s string) (w encodedWord, ok bool) {
	s = s[:min(len(s), longestWord)]
	charset, rest, ok := strings.Cut(s[2:], "?")
	if !ok || charset == "" || len(rest) < 2 || rest[1] != '?' {
		return w, false
	}
	if charset, _, _ = strings.Cut(charset, "*"); len(charset) > 64 { // the language of RFC 2231 section 5
		return w, false
	}
	text, _, ok := strings.Cut(rest[2:], "?=")
	if !ok || strings.Contains(text, "?") {
		return w, false
	}
	w = encodedWord{source: s[:len(s)-len(rest)+2+len(text)+2], charset: charset}
	switch rest[0] {
	case 'q', 'Q':
		w.content = decodeQ(text)
	case 'b', 'B':
		w.content = appendBase64Decoded(nil, []byte(text))
	default:
		return w, false
	}
	return w, true
}

func decodeQ(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '_':
			out = append(out, ' ')
		case c == '=' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			out = append(out, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		default:
			out = append(out, c)
		}
	}
	return out
}

// wordDecoder gathers neighbouring words of one character set before it decodes them: writers cut characters in two.
type wordDecoder struct {
	out     []byte
	spans   []Span
	charset string
	held    []byte // the content of the words
	raw     []byte // the words themselves, in case that the character set is not known
	gap     string // blanks after them, which vanish when another word follows
}

func (d *wordDecoder) plain(s string) {
	if d.charset != "" && strings.Trim(s, " \t") == "" {
		d.gap += s
		return
	}
	d.flush()
	d.out = append(d.out, s...)
}

func (d *wordDecoder) word(w encodedWord) {
	if d.charset != "" && !strings.EqualFold(d.charset, w.charset) {
		d.gap = ""
		d.flush()
	}
	d.charset = w.charset
	d.held = append(d.held, w.content...)
	d.raw = append(append(d.raw, d.gap...), w.source...)
	d.gap = ""
}

func (d *wordDecoder) flush() {
	if d.charset == "" {
		return
	}
	start := len(d.out)
	if text, err := appendUTF8(d.out, d.held, d.charset); err == nil {
		d.out = append(text[:start], strings.ToValidUTF8(string(text[start:]), "\uFFFD")...)
		d.spans = append(d.spans, Span{start, len(d.out)})
	} else {
		d.out = append(d.out, d.raw...)
	}
	d.out = append(d.out, d.gap...)
	d.charset, d.held, d.raw, d.gap = "", d.held[:0], d.raw[:0], ""
}

// encodeWord makes one encoded word of as much of s as fits into room bytes, whole characters only and at least one; n is how
// much of s that is.
func encodeWord(dst []byte, s string, base64 bool, room int) (out []byte, n int) {
	room -= len("=?utf-8?q?") + len("?=")
	for size := 0; n < len(s); {
		_, width := utf8.DecodeRuneInString(s[n:])
		if base64 {
			size = (n + width + 2) / 3 * 4
		} else {
			size += sizeQ(s[n : n+width])
		}
		if size > room && n > 0 {
			break
		}
		n += width
	}
	if base64 {
		return append(appendBase64(append(dst, "=?utf-8?b?"...), s[:n]), "?="...), n
	}
	return append(appendQ(append(dst, "=?utf-8?q?"...), s[:n]), "?="...), n
}

func appendBase64(dst []byte, s string) []byte {
	return base64.StdEncoding.AppendEncode(dst, []byte(s))
}

func appendQ(dst []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case c == ' ':
			dst = append(dst, '_')
		case plainQ(c):
			dst = append(dst, c)
		default:
			dst = append(dst, '=', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return dst
}

func sizeQ(s string) int {
	size := len(s)
	for i := range len(s) {
		if c := s[i]; c != ' ' && !plainQ(c) {
			size += 2
		}
	}
	return size
}

// plainQ says which bytes stay as they are in a word that may stand in a display name (RFC 2047 section 5 (3)).
func plainQ(c byte) bool {
	return isLetterOrDigit(c) || c == '!' || c == '*' || c == '+' || c == '-' || c == '/'
}

func isLetterOrDigit(c byte) bool { return lower(c) >= 'a' && lower(c) <= 'z' || c >= '0' && c <= '9' }
