package journal

import (
	"bufio"
	"bytes"
	"compress/gzip"
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
		end = begin
	}
	return done
}

// forward looks at the lines of a compressed file that end before a place. It can only be read from its beginning, so it is
// read to the end, and the last of its lines that are wanted are kept.
func (s *searcher) forward(f *os.File, end int64) (rest int64, err error) {
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		return 0, nil // it is none of ours, or broken: the others can be read
	}
	type hit struct {
		line   Line
		offset int64
	}
	room, size := s.limit-len(s.page.Lines), s.size
	var hits []hit
	reader := bufio.NewReaderSize(unpacked, chunk)
	more, old := false, false
	for pos := int64(0); pos < end; {
		if s.ctx.Err() != nil {
			return 0, s.ctx.Err()
		}
		line, n, err := readLine(reader)
		s.page.Scanned += n
		if n > 0 {
			l, verdict := s.match.line(line)
			s.seen(l.Time)
			old = old || verdict == tooOld
			if verdict == wanted {
				hits, size = append(hits, hit{l, pos}), size+l.size()
			}
			for len(hits) > room || len(hits) > 1 && size-hits[0].line.size() >= maxPage {
				size -= hits[0].line.size()
				hits[0] = hit{} // its text is not kept
				hits, more = hits[1:], true
			}
		}
		pos += n
		if err != nil {
			break
		}
	}
	for i := len(hits) - 1; i >= 0; i-- {
		s.add(hits[i].line)
	}
	if more {
		return hits[0].offset, nil
	}
	s.over = old
	return 0, nil
}

// readLine reads a line and says how long it is with its end. What is too long for a line comes back empty.
func readLine(r *bufio.Reader) (line []byte, n int64, err error) {
	for {
		part, err := r.ReadSlice('\n')
		n += int64(len(part))
		if n <= longLine {
			line = append(line, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if n > longLine {
			line = nil
		}
		return bytes.TrimRight(line, "\r\n"), n, err
	}
}
