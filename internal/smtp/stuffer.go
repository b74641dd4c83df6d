package smtp

import "bytes"

// Stuffer turns content into what goes over the wire after DATA: dots at the start of lines are doubled (RFC 5321 section
// 4.5.2), and as the last guard against smuggling a bare CR or LF becomes CR LF and a NUL a blank. Content that is clean, as
// it ought to be, is copied line by line with no look at single bytes. The zero value is at the start of a message.
type Stuffer struct {
	inLine bool // the last byte written was not the end of a line
	cr     bool // a CR was the last byte of the content so far
}

// Append appends the next piece of content to dst. At most twice the length of data is added, and one.
func (s *Stuffer) Append(dst, data []byte) []byte {
	for len(data) > 0 {
		n := bytes.IndexByte(data, '\n') + 1
		if n == 0 || s.cr || n < 2 || bytes.IndexByte(data[:n], '\r') != n-2 || bytes.IndexByte(data[:n], 0) >= 0 {
			if n == 0 {
				n = len(data)
			}
			dst = s.appendOdd(dst, data[:n])
		} else {
			if data[0] == '.' && !s.inLine {
				dst = append(dst, '.')
			}
			dst = append(dst, data[:n]...)
			s.inLine = false
		}
		data = data[n:]
	}
	return dst
}

// appendOdd goes byte by byte, for lines that are not clean or not whole.
func (s *Stuffer) appendOdd(dst, line []byte) []byte {
	for _, c := range line {
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
