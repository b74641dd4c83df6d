package mime

import (
	"bytes"
	"errors"
	"strings"
)

// Limits of the structure of a message. Beyond them it is refused.
const (
	MaxParts = 1000 // parts, multiparts counted
	MaxDepth = 100  // multiparts inside each other
)

// Why the structure of a message is refused.
var (
	ErrParts = errors.New("message has too many parts")
	ErrDepth = errors.New("message has too many parts inside each other")
)

// Part is a body part of a message, or the message as a whole, and where it lies in the source.
type Part struct {
	Parent    int  // index of the multipart that it is in; -1 for the message
	Depth     int  // 0 for the message
	Multipart bool // it has parts, which follow it in the list

	Start, Body, End int // the header with its blank line is source[Start:Body], the content source[Body:End]
	Fields           []Field
	HeaderEnd        int  // where a field can be added at the end of the header
	Closed           bool // a blank line follows there

	Media       Media  // of Content-Type; text/plain when there is none
	Encoding    string // of Content-Transfer-Encoding, in lower case; often empty
	Disposition string // inline, attachment, or empty

	glued        bool     // the delimiter that ends it has the line end before the content, which is empty
	outer, inner []string // boundaries of the multiparts around it, and around what it holds
}

// IsText says whether the part is a text of that kind ("plain", "html") to be read with the message, not an attachment.
func (p *Part) IsText(kind string) bool {
	return !p.Multipart && p.Disposition != "attachment" && p.Media.Type == "text/"+kind
}

// Field is the first field of that name in the header of the part, or nil.
func (p *Part) Field(name string) *Field {
	for i := range p.Fields {
		if p.Fields[i].Is(name) {
			return &p.Fields[i]
		}
	}
	return nil
}

// Parts finds the parts of a message (RFC 2046 section 5.1), the message first and each multipart before what it holds. Lines
// end with CRLF or LF. Signed and encrypted multiparts, whose bytes must not change, and attached messages are not looked into.
// A multipart without a boundary, or in which it does not occur, has no parts. The errors are those of [ParseHeader], [ErrParts]
// and [ErrDepth].
func Parts(source []byte) ([]Part, error) {
	s := partScanner{source: source, parts: make([]Part, 0, 8)}
	if err := s.begin(0, -1); err != nil {
		return nil, err
	}
	for s.pos < len(source) {
		next := s.delimiter(s.pos, len(source))
		if next.level < 0 {
			break
		}
		if err := s.split(next); err != nil {
			return nil, err
		}
	}
	s.close(0, len(source))
	return s.parts, nil
}

// partScanner goes through the source once; multiparts that are open are a stack.
type partScanner struct {
	source []byte
	parts  []Part
	pos    int     // where the search for the next delimiter begins
	stack  []inner // multiparts whose boundary is looked for
	levels levels  // of the stack
	open   []int   // parts whose end has not been seen, outermost first
}

type inner struct {
	boundary string
	part     int
	open     int // length of partScanner.open with this multipart as the last one
}

// delimiter is a boundary line.
type delimiter struct {
	level       int  // in the stack; -1: there is none
	last        bool // it ends the multipart
	start, next int  // where the line begins, the line end before it included; and where the next line begins
}

// begin reads the header of the part at start.
func (s *partScanner) begin(start, parent int) error {
	if len(s.parts) >= MaxParts {
		return ErrParts
	}
	h, limit, err := s.header(start)
	if err != nil {
		return err
	}
	end := start + h.Body
	blank := blankLine(s.source[end:limit])
	p := Part{Parent: parent, Start: start, Fields: h.Fields, HeaderEnd: end, Closed: blank > 0, Body: end + blank}
	for i := range p.Fields {
		p.Fields[i].Start += start
		p.Fields[i].End += start
	}
	p.describe(s.defaultType(parent))
	s.add(p)
	return s.enter()
}

// header is the header of the part at start. It ends before the delimiter of a part that is open, if it runs into it; limit is
// how far it may go.
func (s *partScanner) header(start int) (h Header, limit int, err error) {
	limit = len(s.source)
	if h, err = ParseHeader(s.source[start:]); err != nil {
		return h, limit, err
	}
	if d := s.delimiter(start, start+h.Body); d.level >= 0 {
		limit = max(start, d.start)
		h, err = ParseHeader(s.source[start:limit])
	}
	return h, limit, err
}

// blankLine is the length of the blank line that b begins with, if it does.
func blankLine(b []byte) int {
	for i, c := range b {
		if c == '\n' {
			return i + 1
		}
		if c != '\r' {
			break
		}
	}
	return 0
}

func (s *partScanner) defaultType(parent int) string {
	if parent >= 0 && s.parts[parent].Media.Type == "multipart/digest" {
		return "message/rfc822"
	}
	return "text/plain"
}

func (s *partScanner) add(p Part) {
	if p.Parent >= 0 {
		p.Depth = s.parts[p.Parent].Depth + 1
		p.outer = s.parts[p.Parent].inner
	}
	p.End = p.Body
	s.open = append(s.open, len(s.parts))
	s.parts = append(s.parts, p)
	s.pos = p.Body
}

// describe reads the fields that say what the part is.
func (p *Part) describe(otherwise string) {
	if f := p.Field("Content-Type"); f != nil {
		p.Media = ParseMedia(f.Value)
	}
	if !strings.Contains(p.Media.Type, "/") {
		p.Media.Type = otherwise
	}
	if f := p.Field("Content-Transfer-Encoding"); f != nil {
		p.Encoding = ParseMedia(f.Value).Type
	}
	if f := p.Field("Content-Disposition"); f != nil {
		p.Disposition = ParseMedia(f.Value).Type
	}
}

// enter looks for the parts of the part that was just begun, if it is a multipart.
func (s *partScanner) enter() error {
	index := len(s.parts) - 1
	p := &s.parts[index]
	boundary := p.Media.Get("boundary")
	if !strings.HasPrefix(p.Media.Type, "multipart/") || boundary == "" ||
		p.Media.Type == "multipart/signed" || p.Media.Type == "multipart/encrypted" {
		return nil
	}
	if len(s.stack) >= MaxDepth {
		return ErrDepth
	}
	p.inner = append(p.outer[:len(p.outer):len(p.outer)], boundary)
	s.look(append(s.stack, inner{boundary: boundary, part: index, open: len(s.open)}))
	return nil
}

// split ends what a delimiter ends, and begins the part that follows it.
func (s *partScanner) split(d delimiter) error {
	m := s.stack[d.level]
	s.close(m.open, d.start)
	s.pos = d.next
	if d.last {
		s.look(s.stack[:d.level])
		return nil
	}
	s.look(s.stack[:d.level+1])
	s.parts[m.part].Multipart = true
	return s.begin(d.next, m.part)
}

// close ends the parts that are open from level on.
func (s *partScanner) close(level, end int) {
	for i := len(s.open) - 1; i >= level; i-- { // what is inside first: the outer part ends no sooner
		p := &s.parts[s.open[i]]
		p.glued = end < p.Body
		end = max(end, p.Body)
		p.End = end
	}
	s.open = s.open[:level]
}

// delimiter finds the next boundary line that begins between from and limit, of any multipart that is open. Boundaries of outer
// ones end inner ones (RFC 2046 section 5.1.2).
func (s *partScanner) delimiter(from, limit int) delimiter {
	if len(s.stack) == 0 {
		return delimiter{level: -1}
	}
	for pos := from; ; {
		before := max(pos-1, 0) // the line end before a line that begins at pos
		i := bytes.Index(s.source[before:limit], []byte("\n--"))
		if i < 0 {
			return delimiter{level: -1}
		}
		pos = before + i + 1
		line := s.source[pos:]
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			line = line[:end+1]
		}
		if level, last := s.match(line); level >= 0 {
			return delimiter{level, last, s.beforeLineEnd(pos), pos + len(line)}
		}
		pos++
	}
}

// look sets the multiparts whose boundary is looked for.
func (s *partScanner) look(stack []inner) {
	if len(stack) == len(s.stack) {
		return
	}
	s.stack, s.levels = stack, levels{of: make(map[string]int, len(stack))}
	for i := range stack {
		s.levels.add(strings.TrimRight(stack[i].boundary, " \t"), i)
	}
}

// levels finds multiparts by their boundaries, in a time that does not depend on how many there are: any line may look like one.
type levels struct {
	of      map[string]int // of two that are equal the inner one counts
	longest int
}

func (l *levels) add(boundary string, level int) {
	l.of[boundary] = level
	l.longest = max(l.longest, len(boundary))
}

func (l *levels) find(text []byte) int {
	if len(text) <= l.longest {
		if level, ok := l.of[string(text)]; ok {
			return level
		}
	}
	return -1
}

// match says which multipart a line that begins with two dashes is a delimiter of. If it could be one of two, it is that of the
// inner one.
func (s *partScanner) match(line []byte) (level int, last bool) {
	text := bytes.TrimRight(line[2:], " \t\r\n")
	level = s.levels.find(text)
	if shorter, ok := bytes.CutSuffix(text, []byte("--")); ok {
		if end := s.levels.find(shorter); end > level {
			return end, true
		}
	}
	return level, false
}

// beforeLineEnd is the place of the line end that stands before pos, which belongs to the delimiter.
func (s *partScanner) beforeLineEnd(pos int) int {
	pos--
	if pos > 0 && s.source[pos-1] == '\r' {
		pos--
	}
	return pos
}
