package prepare

import (
	"bytes"
	"encoding/binary"
	"sync"
	"unicode/utf8"

	"posthoorn/internal/mail"
)

// Source is content ready for DATA: every line ends with CRLF, no bare CR or LF is in it, dots are not doubled yet.
type Source struct {
	Data       []byte
	EightBit   bool // some byte is above 127
	UTF8Header bool // some of these stand in the header and are UTF-8: needs SMTPUTF8 (RFC 6532)
}

// buffers keeps the memory of sources between messages.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// maxKept is the largest buffer that is worth keeping.
const maxKept = 256 << 10

// Release gives the memory of Data back; Data must not be used any more.
func (s *Source) Release() {
	if s.Data == nil || cap(s.Data) > maxKept {
		return
	}
	data := s.Data[:0]
	s.Data = nil
	buffers.Put(&data)
}

// finish normalises line ends and looks at the bytes.
func finish(raw []byte) Source {
	s := Source{Data: raw}
	if !canonical(raw) {
		s.Data = normalise(raw)
	}
	s.EightBit = eightBit(s.Data)
	if s.EightBit {
		h := header(s.Data)
		s.UTF8Header = eightBit(h) && utf8.Valid(h)
	}
	return s
}

// header is what stands before the first empty line, which may be the first of all.
func header(source []byte) []byte {
	if bytes.HasPrefix(source, []byte("\r\n")) {
		return nil
	}
	if end := bytes.Index(source, []byte("\r\n\r\n")); end >= 0 {
		return source[:end]
	}
	return source
}

// canonical says that all line ends are CRLF, the last line's too.
func canonical(b []byte) bool {
	if n := len(b); n > 0 && (n < 2 || b[n-1] != '\n') {
		return false
	}
	lines := 0
	for rest := b; ; lines++ {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			break
		}
		if i == 0 || rest[i-1] != '\r' {
			return false
		}
		rest = rest[i+1:]
	}
	return bytes.Count(b, []byte{'\r'}) == lines && bytes.IndexByte(b, 0) < 0
}

// normalise makes CRLF of CRLF, a bare LF and a bare CR alike, and leaves NUL out, which no mail may hold (RFC 5322 section 4).
func normalise(b []byte) []byte {
	out := make([]byte, 0, len(b)+len(b)/32+2)
	for i, c := range b {
		switch {
		case c == 0 || c == '\n' && i > 0 && b[i-1] == '\r':
		case c == '\n' || c == '\r':
			out = append(out, '\r', '\n')
		default:
			out = append(out, c)
		}
	}
	if n := len(out); n > 0 && out[n-1] != '\n' {
		out = append(out, '\r', '\n')
	}
	return out
}

// eightBit looks at eight bytes at a time.
func eightBit(b []byte) bool {
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b)&0x8080808080808080 != 0 {
			return true
		}
		b = b[8:]
	}
	for _, c := range b {
		if c >= 0x80 {
			return true
		}
	}
	return false
}

// Message yields the source of a plain message. The error is a *mail.Error.
func Message(m *mail.Message) (Source, error) {
	buf := *buffers.Get().(*[]byte)
	raw, err := m.AppendSource(buf[:0])
	if err != nil {
		return Source{}, err
	}
	return finish(raw), nil
}
