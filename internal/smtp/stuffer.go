package smtp

import "bytes"

// Stuffer turns content into what goes over the wire after DATA: dots at the start of lines are doubled (RFC 5321 section
// 4.5.2), and as the last guard against smuggling a bare CR or LF becomes CR LF and a NUL a blank. Content that is clean, as
// it ought to be, is copied without a look at single bytes. The zero value is at the start of a message.
type Stuffer struct {
	inLine bool // the last byte written was not the end of a line
	cr     bool // a CR was the last byte of the content so far
}

var (
	crByte = []byte{'\r'}
	lfByte = []byte{'\n'}
)

// Append appends the next piece of content to dst. At most twice the length of data is added, and one.
func (s *Stuffer) Append(dst, data []byte) []byte {
	if len(data) > 0 && !s.cr && bytes.IndexByte(data, 0) < 0 && bytes.Count(data, crByte) == bytes.Count(data, lfByte) {
		if out, ok := s.appendClean(dst, data); ok {
			return out
		}
	}
	return s.appendOdd(dst, data)
}

// appendClean copies data that has as many CR as LF: if there is a CR before every LF, none of either is alone.
func (s *Stuffer) appendClean(dst, data []byte) ([]byte, bool) {
	start, copied := len(dst), 0
	if data[0] == '.' && !s.inLine {
		dst = append(dst, '.')
	}
	for i := 0; ; {
		n := bytes.IndexByte(data[i:], '\n')
		if n < 0 {
			break
		}
		if i += n; i == 0 || data[i-1] != '\r' {
			return dst[:start], false
		}
		if i++; i < len(data) && data[i] == '.' {
			dst = append(append(dst, data[copied:i]...), '.')
			copied = i
		}
	}
	s.inLine = data[len(data)-1] != '\n'
	return append(dst, data[copied:]...), true
}

// appendOdd goes byte by byte.
func (s *Stuffer) appendOdd(dst, data []byte) []byte {
	for _, c := range data {
		if s.cr && c != '\n' {
			dst, s.inLine = append(dst, "\r\n"...), false
		}
		s.cr = c == '\r'
		switch {
		case c == '\r':
		case c == '\n':
			dst, s.inLine = append(dst, "\r\n"...), false
		default:
			if c == '.' && !s.inLine {
				dst = append(dst, '.')
			}
			if c == 0 {
				c = ' '
			}
			dst, s.inLine = append(dst, c), true
		}
	}
	return dst
}

// Finish appends the end of the data: the end of the last line if it had none, and the final dot.
func (s *Stuffer) Finish(dst []byte) []byte {
	if s.cr || s.inLine {
		dst = append(dst, "\r\n"...)
	}
	*s = Stuffer{}
	return append(dst, ".\r\n"...)
}
