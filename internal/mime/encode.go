package mime

import (
	"bytes"
	"slices"
	"strings"
)

// maxPlainLine is how long a line may be that is sent as it is (RFC 5322 section 2.1.1).
const maxPlainLine = 998

// Edit puts With in the place of source[Start:End].
type Edit struct {
	Start, End int
	With       []byte
}

// Rewrite makes a copy of the source in which the edits, in any order, are done; every other byte stays. Edits at one place come
// in the order given. They must not overlap: Rewrite panics then.
func Rewrite(source []byte, edits []Edit) []byte {
	slices.SortStableFunc(edits, func(a, b Edit) int { return a.Start - b.Start })
	size := len(source)
	for _, e := range edits {
		size += len(e.With) - (e.End - e.Start)
	}
	out := make([]byte, 0, size)
	pos := 0
	for _, e := range edits {
		if e.Start < pos {
			panic("mime: edits overlap")
		}
		out = append(append(out, source[pos:e.Start]...), e.With...)
		pos = e.End
	}
	return append(out, source[pos:]...)
}

// AppendTextEdits appends the edits that make text, which is UTF-8, the content of a part. Its character set stays if it can
// hold the text, else it becomes UTF-8. A part without transfer encoding keeps its bytes plain as long as they are ASCII in
// lines of 998 bytes at most, none of which is a boundary; anything else becomes quoted-printable, with lines that end in CRLF. The fields that say so are
// changed or added where they must. The edits keep text.
func (p *Part) AppendTextEdits(edits []Edit, source, text []byte) []Edit {
	fields := make([]byte, 0, 128) // those that are added at the end of the header
	body, fits := fromUTF8(text, p.charset())
	if !fits {
		body = text
		edits, fields = p.setField(edits, source, fields, "Content-Type",
			AppendMedia(nil, "Content-Type", p.Media.With("charset", "utf-8")))
	}
	if !p.isPlain() || !staysPlain(body) || p.hasBoundary(body) {
		return p.appendQuoted(edits, source, fields, body)
	}
	return p.appendBody(edits, source, fields, body)
}

// appendQuoted appends the edits that make text the content of a part, as quoted-printable, and add fields to its header.
func (p *Part) appendQuoted(edits []Edit, source, fields, text []byte) []Edit {
	if p.Encoding != "quoted-printable" {
		edits, fields = p.setField(edits, source, fields, "Content-Transfer-Encoding",
			[]byte("Content-Transfer-Encoding: quoted-printable\r\n"))
	}
	return p.appendBody(edits, source, fields, AppendQuotedPrintable(make([]byte, 0, len(text)+len(text)/8+64), text))
}

// appendBody appends the edits that put body in the place of the content of a part, and add fields to its header.
func (p *Part) appendBody(edits []Edit, source, fields, body []byte) []Edit {
	if p.Parent < 0 && len(fields) > 0 && p.Field("MIME-Version") == nil {
		fields = append(fields, "MIME-Version: 1.0\r\n"...)
	}
	if len(fields) > 0 || !p.Closed { // without a blank line the text could begin with a field
		edits = append(edits, p.addition(source, fields))
	}
	if p.glued {
		body = append(body[:len(body):len(body)], '\r', '\n')
	}
	return append(edits, Edit{p.Body, p.End, body})
}

// isPlain says that the part has no transfer encoding that changes its bytes.
func (p *Part) isPlain() bool {
	switch p.Encoding {
	case "quoted-printable", "base64":
		return false
	}
	return true
}

// setField replaces the first field of a name, or adds it to those that are to be added. Where a header ends in the middle of a line,
// the line end comes with what is added.
func (p *Part) setField(edits []Edit, source, fields []byte, name string, field []byte) ([]Edit, []byte) {
	if f := p.Field(name); f != nil {
		if source[f.End-1] != '\n' {
			field = bytes.TrimSuffix(field, []byte("\r\n"))
		}
		return append(edits, Edit{f.Start, f.End, field}), fields
	}
	return edits, append(fields, field...)
}

// addition puts fields at the end of the header, and a blank line where there is none.
func (p *Part) addition(source, fields []byte) Edit {
	if n := p.HeaderEnd; n > p.Start && source[n-1] != '\n' {
		fields = append([]byte("\r\n"), fields...)
	}
	if !p.Closed {
		fields = append(fields, "\r\n"...)
	}
	return Edit{p.HeaderEnd, p.HeaderEnd, fields}
}

// maxDashed is how many lines of a text are compared with boundaries.
const maxDashed = 1000

// hasBoundary says whether a line begins like a boundary of a multipart around the part, or whether so many lines could that it
// would take long to find out.
func (p *Part) hasBoundary(text []byte) bool {
	for dashed := 0; len(p.outer) > 0; dashed++ {
		if dashed > maxDashed {
			return true
		}
		if rest, ok := bytes.CutPrefix(text, []byte("--")); ok {
			for _, boundary := range p.outer {
				if bytes.HasPrefix(rest, []byte(strings.TrimRight(boundary, " \t"))) {
					return true
				}
			}
		}
		i := bytes.Index(text, []byte("\n--"))
		if i < 0 {
			break
		}
		text = text[i+1:]
	}
	return false
}

// staysPlain says whether text can be sent without transfer encoding wherever it goes.
func staysPlain(text []byte) bool {
	for len(text) > 0 {
		end := bytes.IndexByte(text, '\n') + 1
		if end == 0 {
			end = len(text)
		}
		if end > maxPlainLine+2 || !isPlainLine(text[:end]) {
			return false
		}
		text = text[end:]
	}
	return true
}

func isPlainLine(line []byte) bool {
	for i, c := range line {
		if c >= 0x80 || c == 0 || c == '\r' && (i+1 == len(line) || line[i+1] != '\n') {
			return false
		}
	}
	return true
}

// quotable says which bytes stay as they are inside a line of quoted-printable (RFC 2045 section 6.7).
var quotable = func() (plain [256]bool) {
	for c := range plain {
		plain[c] = c == '\t' || c >= ' ' && c <= '~' && c != '='
	}
	return plain
}()

// maxQuotedLine is the longest line of quoted-printable, a soft break at its end included.
const maxQuotedLine = 76

// AppendQuotedPrintable encodes a text (RFC 2045 section 6.7). LF and CRLF are line ends, and become CRLF. No line of the result
// begins with two dashes, so that none is a boundary, whatever the text holds.
func AppendQuotedPrintable(dst, text []byte) []byte {
	for len(text) > 0 {
		end := bytes.IndexByte(text, '\n')
		if end < 0 {
			return appendQuotedLine(dst, text)
		}
		dst = appendQuotedLine(dst, bytes.TrimSuffix(text[:end], []byte("\r")))
		dst = append(dst, '\r', '\n')
		text = text[end+1:]
	}
	return dst
}

// appendQuotedLine encodes a line without its line end.
func appendQuotedLine(dst, line []byte) []byte {
	room := maxQuotedLine
	for len(line) > 0 {
		run := plainRun(line)
		if room == maxQuotedLine && run > 0 && len(line) > 1 && line[0] == '-' && line[1] == '-' {
			run = 0
		}
		if run == 0 {
			dst, room = softBreak(dst, room, 3, len(line) == 1)
			c := line[0]
			dst = append(dst, '=', hexDigits[c>>4], hexDigits[c&15])
			room -= 3
			line = line[1:]
			continue
		}
		if run > room || run == room && run < len(line) {
			run = room - 1
		}
		dst = append(dst, line[:run]...)
		room -= run
		if line = line[run:]; len(line) > 0 && room <= 1 {
			dst, room = softBreak(dst, room, maxQuotedLine, false)
		}
	}
	return dst
}

// plainRun is how much of the line goes as it is, as far as one line of the result is concerned. A blank at its end does not.
func plainRun(line []byte) int {
	n := 0
	for n < len(line) && n <= maxQuotedLine && quotable[line[n]] {
		n++
	}
	if n == len(line) && n > 0 && (line[n-1] == ' ' || line[n-1] == '\t') {
		n--
	}
	return n
}

// softBreak begins a new line if size bytes do not fit into room; what ends the line needs no place for a further break.
func softBreak(dst []byte, room, size int, last bool) ([]byte, int) {
	if size < room || size == room && last {
		return dst, room
	}
	return append(dst, '=', '\r', '\n'), maxQuotedLine
}
