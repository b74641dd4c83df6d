package journal

import (
	"bytes"
	"errors"
	"io"
	"os"
)

const (
	chunk    = 256 << 10 // bytes that are read at a time
	longLine = 2 << 20   // bytes of a line that is looked at; a longer one is not ours
)

// backward looks at the lines of a file that end before a place, the last first.
func (s *searcher) backward(f *os.File, end int64) (rest int64, err error) {
	var tail []byte // of a line whose beginning has not been read
	buffer := make([]byte, chunk)
	for pos := end; pos > 0; {
		n := min(pos, chunk)
		if _, err := f.ReadAt(buffer[:n], pos-n); err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		pos -= n
		s.page.Scanned += n
		tail = append(bytes.Clone(buffer[:n]), tail...)
		first := bytes.IndexByte(tail, '\n') + 1
		if pos > 0 && first == 0 {
			if len(tail) > longLine {
				tail = nil
			}
			if s.full() {
				return pos + int64(len(tail)), nil
			}
			continue
		}
		if pos == 0 {
			first = 0
		}
		done := s.lines(tail[first:])
		if s.full() {
			return pos + int64(first) + int64(len(tail)-first-done), nil
		}
		tail = tail[:first]
	}
	return 0, nil
}

// lines looks at whole lines, the last first, and says how many bytes of them it has looked at.
func (s *searcher) lines(text []byte) (done int) {
	for end := len(text); end > 0 && !s.full(); {
		begin := bytes.LastIndexByte(text[:end-1], '\n') + 1
		s.take(bytes.TrimRight(text[begin:end], "\r\n"))
		done += end - begin
		s.worksOn(int64(end - begin))
		end = begin
	}
	return done
}
