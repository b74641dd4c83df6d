package report

import (
	"bytes"
	"unicode/utf8"

	"posthoorn/internal/mime"
)

// original is the part with the mail, or with its header; nothing, if there is none.
func (n *Notice) original() []byte {
	if len(n.Source) == 0 {
		return nil
	}
	header := n.Source
	if h, err := mime.ParseHeader(n.Source); err == nil {
		header = n.Source[:h.Body]
	}
	header = atMost(header, MaxHead)
	utf8Header := !ascii(header) && utf8.Valid(header)
	if !n.whole() {
		return headerPart(header, utf8Header)
	}
	return n.mailPart(appendLines(nil, n.Source), utf8Header)
}

// mailPart is the part with all of the mail. A message/rfc822 may not be encoded (RFC 2046 section 5.2.1), but what is in it may, where
// 8-bit is not sure to go through (RFC 6522 section 3). Where that is not possible there is the message/global of RFC 6532, which may be.
func (n *Notice) mailPart(source []byte, utf8Header bool) []byte {
	if n.global() && !utf8Header && !ascii(source) && !longLines(source) {
		return append([]byte("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"), source...)
	}
	if sevenBit, ok := mime.SevenBit(source); ok {
		return append([]byte("Content-Type: message/rfc822\r\n\r\n"), sevenBit...)
	}
	return mime.AppendQuotedPrintable([]byte("Content-Type: message/global\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"), source)
}

// atMost is as many whole lines as have n bytes; of a line that has more, its start.
func atMost(text []byte, n int) []byte {
	if len(text) <= n {
		return text
	}
	if end := bytes.LastIndexByte(text[:n], '\n'); end >= 0 {
		return text[:end+1]
	}
	return text[:n]
}

// headerPart is the part with the header alone.
func headerPart(header []byte, utf8Header bool) []byte {
	out := []byte("Content-Type: text/rfc822-headers\r\n")
	if utf8Header {
		out = []byte("Content-Type: message/global-headers\r\n")
	}
	if ascii(header) && !longLines(header) {
		return appendLines(append(out, "\r\n"...), header)
	}
	return mime.AppendQuotedPrintable(append(out, "Content-Transfer-Encoding: quoted-printable\r\n\r\n"...), header)
}

// appendLines appends text with CRLF as its line ends: bare CR and bare LF are line ends too, as when mail is accepted. NUL is
// left out, as no server takes it.
func appendLines(dst, text []byte) []byte {
	text = bytes.ReplaceAll(text, []byte{0}, nil)
	for len(text) > 0 {
		end := bytes.IndexAny(text, "\r\n")
		if end < 0 {
			return append(append(dst, text...), "\r\n"...)
		}
		dst = append(append(dst, text[:end]...), "\r\n"...)
		if bytes.HasPrefix(text[end:], []byte("\r\n")) {
			end++
		}
		text = text[end+1:]
	}
	return dst
}
