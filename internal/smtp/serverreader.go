package smtp

import (
	"bytes"
	"io"
)

// Limits of lines that a server reads, CR LF included.
const (
	MaxCommandLine = 2048  // RFC 5321 section 4.5.3.1.4, with room for all parameters that are offered
	MaxAuthLine    = 12288 // RFC 4954 section 4
)

// ServerReader reads what a client sends: command lines, the data of a message, chunks. It holds a small buffer only, so that
// thousands of idle sessions cost little.
type ServerReader struct {
	r          io.Reader
	buf        []byte
	start, end int
}

// NewServerReader reads from r.
func NewServerReader(r io.Reader) *ServerReader { return &ServerReader{r: r} }

// Buffered is how many bytes were read from the connection and not asked for yet.
func (s *ServerReader) Buffered() int { return s.end - s.start }

// Forget throws away what is buffered and reads from r from here on.
func (s *ServerReader) Forget(r io.Reader) { s.r, s.start, s.end = r, 0, 0 }

// Line is the next line without its CR LF, which alone ends it (RFC 5321 section 2.3.8). It is valid until the next call. A line
// of more than limit bytes is read to its end and answered with ErrLineTooLong.
func (s *ServerReader) Line(limit int) ([]byte, error) {
	for seen := 0; ; {
		if i := bytes.Index(s.buf[s.start+seen:s.end], []byte("\r\n")); i >= 0 {
			line := s.buf[s.start : s.start+seen+i]
			s.start += seen + i + 2
			if len(line)+2 > limit {
				return nil, ErrLineTooLong
			}
			return line, nil
		}
		if s.Buffered() > limit {
			return nil, s.skipLine()
		}
		seen = max(s.Buffered()-1, 0)
		if err := s.fill(); err != nil {
			return nil, err
		}
	}
}

// skipLine reads on to the end of a line that is too long.
func (s *ServerReader) skipLine() error {
	for {
		if i := bytes.Index(s.buf[s.start:s.end], []byte("\r\n")); i >= 0 {
			s.start += i + 2
			return ErrLineTooLong
		}
		s.start = s.end
		if s.buf[s.end-1] == '\r' {
			s.start--
		}
		if err := s.fill(); err != nil {
			return err
		}
	}
}

// fill reads more behind what is buffered.
func (s *ServerReader) fill() error {
	if s.start > 0 {
		s.end = copy(s.buf, s.buf[s.start:s.end])
		s.start = 0
	}
	if s.end == 0 && len(s.buf) > 2*MaxAuthLine { // grown by what stood behind some data
		s.buf = nil
	}
	if s.end == len(s.buf) {
		grown := make([]byte, max(512, 2*len(s.buf)))
		copy(grown, s.buf[:s.end])
		s.buf = grown
	}
	n, err := s.r.Read(s.buf[s.end:])
	s.end += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// Data reads up to the end of the data. What stands behind it stays buffered. When the content is dropped the data is still
// read to its end, but no more than three times the limit of it.
func (s *ServerReader) Data(c *Content) error {
	for {
		n, err := s.into(c.space())
		if n > 0 && c.advance(n) {
			s.unread(c.rest())
			return nil
		}
		if err != nil {
			return unexpected(err)
		}
		if c.Limit > 0 && c.Dropped() > 3*c.Limit {
			return c.fault
		}
	}
}

// Chunk reads exactly n bytes into the content (RFC 3030): an end of input before that is io.ErrUnexpectedEOF, and then nothing
// of the message may be used.
func (s *ServerReader) Chunk(c *Content, n int64) error {
	for n > 0 {
		space := c.space()
		got, err := s.into(space[:min(int64(len(space)), n)])
		c.add(got)
		if n -= int64(got); n > 0 && err != nil {
			return unexpected(err)
		}
	}
	return nil
}

// into reads from the buffer first, then from the connection.
func (s *ServerReader) into(p []byte) (int, error) {
	if s.Buffered() > 0 {
		n := copy(p, s.buf[s.start:s.end])
		s.start += n
		return n, nil
	}
	return s.r.Read(p)
}

// unread puts bytes that came behind the end of the data in front of what is buffered.
func (s *ServerReader) unread(rest []byte) {
	if len(rest) == 0 {
		return
	}
	if s.Buffered() == 0 {
		s.buf, s.start, s.end = append(s.buf[:0], rest...), 0, len(rest)
		s.buf = s.buf[:cap(s.buf)]
		return
	}
	s.start -= len(rest) // they were taken from here
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
