package mime

import (
	"bytes"
	"encoding/base64"
	"strings"
)

const hexDigits = "0123456789ABCDEF"

func isHex(c byte) bool { return c >= '0' && c <= '9' || lower(c) >= 'a' && lower(c) <= 'f' }

// unhex is the value of a digit that isHex accepts.
func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return lower(c) - 'a' + 10
}

// AppendDecoded appends the content of a part with its transfer encoding undone (RFC 2045 section 6): quoted-printable and
// base64; anything else is taken as it is. Damage never fails: what is no code stays (quoted-printable) or is left out
// (base64), as mail programs do it.
func (p *Part) AppendDecoded(dst, source []byte) []byte {
	body := source[p.Body:p.End]
	switch p.Encoding {
	case "quoted-printable":
		return appendQuotedPrintableDecoded(dst, body)
	case "base64":
		return appendBase64Decoded(dst, body)
	}
	return append(dst, body...)
}

// AppendText appends the content of a part as UTF-8. Without character set, and in ASCII and UTF-8, its bytes come as they
// are, unless they are no UTF-8 and nobody said that they were: then they are taken for Windows-1252. The error is a
// [CharsetError]; dst is as it was then.
func (p *Part) AppendText(dst, source []byte) ([]byte, error) {
	charset := p.charset()
	if passes(charset) {
		start := len(dst)
		dst = p.AppendDecoded(dst, source)
		return settleASCII(dst, start, charset), nil
	}
	return appendUTF8(dst, p.AppendDecoded(nil, source), charset)
}

func (p *Part) charset() string { return strings.TrimSpace(p.Media.Get("charset")) }

func appendQuotedPrintableDecoded(dst, body []byte) []byte {
	for len(body) > 0 {
		line := body
		if end := bytes.IndexByte(body, '\n'); end >= 0 {
			line = body[:end+1]
		}
		body = body[len(line):]
		dst = appendLineDecoded(dst, line)
	}
	return dst
}

// appendLineDecoded decodes one line. Blanks at its end were added on the way (RFC 2045 section 6.7 (3)).
func appendLineDecoded(dst, line []byte) []byte {
	content := bytes.TrimRight(line, "\r\n")
	end := line[len(content):]
	if len(end) > 0 {
		content = bytes.TrimRight(content, " \t")
	}
	for {
		i := bytes.IndexByte(content, '=')
		switch {
		case i < 0:
			return append(append(dst, content...), end...)
		case i == len(content)-1: // the line goes on
			return append(dst, content[:i]...)
		case i+2 < len(content) && isHex(content[i+1]) && isHex(content[i+2]):
			dst = append(append(dst, content[:i]...), unhex(content[i+1])<<4|unhex(content[i+2]))
			content = content[i+3:]
		default:
			dst = append(dst, content[:i+1]...)
			content = content[i+1:]
		}
	}
}

// appendBase64Decoded decodes well-formed base64 at once, and from the rest what can be read.
func appendBase64Decoded(dst, body []byte) []byte {
	start := len(dst)
	if out, err := base64.StdEncoding.AppendDecode(dst, body); err == nil {
		return out
	}
	dst = dst[:start]
	var bits, have uint
	for _, c := range body {
		v := base64Value[c]
		if c == '=' {
			bits, have = 0, 0 // several texts, one after the other
		}
		if v == 0xff {
			continue
		}
		bits, have = bits<<6|uint(v), have+6
		if have >= 8 {
			have -= 8
			dst = append(dst, byte(bits>>have))
		}
	}
	return dst
}

var base64Value = func() (values [256]byte) {
	for i := range values {
		values[i] = 0xff
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		values[c] = byte(i)
	}
	return values
}()
