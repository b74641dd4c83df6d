package smtp

import (
	"bytes"
	"errors"
	"io"
)

// Limits on one reply.
const (
	MaxReplyLines = 100
	MaxReplyBytes = 64 << 10
)

// ErrReply says that what came is no reply of RFC 5321 section 4.2, or one beyond the limits. The stream is of no more use.
var ErrReply = errors.New("not a valid SMTP reply")

// ReplyReader reads replies from a stream, strictly: lines end with CR LF, codes are 200 to 599, all lines of a reply have
// the same code, no NUL. Text may be of any other bytes, since servers say why in their own language.
type ReplyReader struct {
	r          io.Reader
	buf        []byte
	start, end int // of what was read and not yet used
	text       []byte
}

// NewReplyReader reads from r, which should set deadlines of its own.
func NewReplyReader(r io.Reader) *ReplyReader { return &ReplyReader{r: r, buf: make([]byte, 1024)} }

// Buffered is the number of bytes that came and are not part of a reply that was returned.
func (r *ReplyReader) Buffered() int { return r.end - r.start }

// Next reads one reply. The error is ErrReply, or what the stream returned.
func (r *ReplyReader) Next() (Reply, error) {
	code, size := 0, 0
	r.text = r.text[:0]
	for n := 0; n < MaxReplyLines; n++ {
		line, err := r.line()
		if err != nil {
			return Reply{}, err
		}
		c, more, ok := parseLine(line)
		if size += len(line) + 2; !ok || code != 0 && c != code || size > MaxReplyBytes {
			return Reply{}, ErrReply
		}
		if code = c; n > 0 {
			r.text = append(r.text, '\n')
		}
		r.text = append(r.text, line[min(4, len(line)):]...)
		if !more {
			return Reply{Code: code, text: r.text}, nil
		}
	}
	return Reply{}, ErrReply
}

// parseLine takes the code and says whether another line follows. A code with nothing after it is legal to read, and so is one
// that is not in the book, such as 571: the first digit decides (RFC 5321 section 4.3.2).
func parseLine(line []byte) (code int, more, ok bool) {
	if len(line) < 3 || line[0] < '2' || line[0] > '5' || line[1] < '0' || line[1] > '9' || line[2] < '0' || line[2] > '9' {
		return 0, false, false
	}
	code = int(line[0]-'0')*100 + int(line[1]-'0')*10 + int(line[2]-'0')
	switch {
	case len(line) == 3 || line[3] == ' ':
		return code, false, true
	case line[3] == '-':
		return code, true, true
	}
	return 0, false, false
}

// line reads up to CR LF and returns what stands before it.
func (r *ReplyReader) line() ([]byte, error) {
	for seen := 0; ; {
		if i := bytes.IndexByte(r.buf[r.start+seen:r.end], '\n'); i >= 0 {
			line := r.buf[r.start : r.start+seen+i]
			r.start += seen + i + 1
			return checkLine(line)
		}
		seen = r.end - r.start
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
}

// checkLine takes the CR from the end of a line and refuses what must not be in it.
func checkLine(line []byte) ([]byte, error) {
	n := len(line) - 1
	if n < 0 || bytes.IndexByte(line, '\r') != n || bytes.IndexByte(line, 0) >= 0 {
		return nil, ErrReply
	}
	return line[:n], nil
}

// fill reads more, making room first.
func (r *ReplyReader) fill() error {
	if r.start > 0 {
		r.end = copy(r.buf, r.buf[r.start:r.end])
		r.start = 0
	}
	if r.end == len(r.buf) {
		if r.end >= MaxReplyBytes {
			return ErrReply
		}
		r.buf = append(r.buf, make([]byte, len(r.buf))...)
	}
	n, err := r.r.Read(r.buf[r.end:])
	if r.end += n; n > 0 {
		return nil
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}
