package spool

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"posthoorn/internal/mail"
)

var (
	errTooBig = &mail.Error{Code: 552, Status: "5.3.4", Text: "Message is too big"}
	errEmpty  = &mail.Error{Code: 554, Status: "5.6.0", Text: "Message is empty"}
)

// ReadMessage reads one message as the command line takes it (operations.md section 2): lines that end with LF or CRLF become
// lines that end with CRLF. Unless ignoreDot, a line that holds a dot alone ends the message and a doubled dot at the start of
// a line becomes one. The end of input always ends it. Max bounds the bytes of the result; 0: 256 MiB. A *mail.Error says that
// it is empty or too big, any other error is of r.
func ReadMessage(r io.Reader, ignoreDot bool, max int64) ([]byte, error) {
	if max <= 0 {
		max = 256 << 20
	}
	m := messageReader{in: bufio.NewReaderSize(r, 64<<10), dots: !ignoreDot, max: max}
	for {
		more, err := m.line()
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
	}
	if len(m.out) == 0 {
		return nil, errEmpty
	}
	return m.out, nil
}

type messageReader struct {
	in   *bufio.Reader
	out  []byte
	dots bool
	max  int64
}

// line takes over one line; false: it was the last.
func (m *messageReader) line() (more bool, err error) {
	start := len(m.out)
	for {
		part, err := m.in.ReadSlice('\n')
		m.out = append(m.out, part...)
		if int64(len(m.out)) > m.max+2 { // the line end is yet to be normal
			return false, errTooBig
		}
		if err == nil {
			break
		}
		if errors.Is(err, io.EOF) {
			return false, m.finish(start, "")
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return false, err
		}
	}
	if m.isEnd(start) {
		m.out = m.out[:start]
		return false, nil
	}
	return true, m.finish(start, "\r\n")
}

func (m *messageReader) isEnd(start int) bool {
	return m.dots && string(bytes.TrimRight(m.out[start:], "\r\n")) == "."
}

// finish gives the line that begins at start its end.
func (m *messageReader) finish(start int, end string) error {
	if m.isEnd(start) {
		m.out = m.out[:start]
		return nil
	}
	line := m.out[start:]
	if end != "" {
		line = bytes.TrimRight(line, "\r\n")
	}
	if m.dots && bytes.HasPrefix(line, []byte("..")) {
		line = line[:copy(line, line[1:])]
	}
	m.out = append(m.out[:start+len(line)], end...)
	if int64(len(m.out)) > m.max {
		return errTooBig
	}
	return nil
}
