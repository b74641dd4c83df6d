package mime

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// CharsetError names a character set that is not known.
type CharsetError string

// Error is for the log.
func (e CharsetError) Error() string { return "character set " + string(e) + " is not known" }

// passes says that bytes in a character set come and go as they are: none is named, ASCII, or UTF-8.
func passes(charset string) bool {
	return charset == "" || isASCIIName(charset) || isUTF8Name(charset)
}

func isASCIIName(charset string) bool {
	return strings.EqualFold(charset, "us-ascii") || strings.EqualFold(charset, "ascii")
}

func isUTF8Name(charset string) bool {
	return strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}

// settleASCII decodes out[start:] as Windows-1252 when it was said to be ASCII and is neither that nor UTF-8.
func settleASCII(out []byte, start int, charset string) []byte {
	if isUTF8Name(charset) || utf8.Valid(out[start:]) {
		return out
	}
	return append(out[:start], fromWindows(string(out[start:]))...)
}

func fromWindows(s string) string {
	out, err := charmap.Windows1252.NewDecoder().String(s)
	if err != nil {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return out
}

// appendUTF8 decodes text. Labels mean what they mean to web browsers and so to mail programs: ISO-8859-1 is Windows-1252.
func appendUTF8(dst, text []byte, label string) ([]byte, error) {
	if passes(label) {
		return settleASCII(append(dst, text...), len(dst), label), nil
	}
	e := looseEncoding(label)
	if e == nil {
		return dst, CharsetError(label)
	}
	out, err := e.NewDecoder().Bytes(text)
	if err != nil {
		return dst, CharsetError(label)
	}
	return append(dst, out...), nil
}

// looseEncoding is what is meant by a label: as browsers have it, and for names that mail alone has.
func looseEncoding(label string) encoding.Encoding {
	switch strings.ToLower(label) {
	case "cp932":
		label = "shift_jis"
	case "cp936":
		label = "gbk"
	case "cp949":
		label = "euc-kr"
	case "cp950":
		label = "big5"
	case "hz-gb-2312":
		return simplifiedchinese.HZGB2312
	}
	e, name := charset.Lookup(label)
	if name == "replacement" {
		return nil
	}
	return e
}

// fromUTF8 is text in a character set; ok is false when that cannot hold it. Here the label means exactly what it says.
func fromUTF8(text []byte, label string) (out []byte, ok bool) {
	if isASCIIText(text) && extendsASCII(label) {
		return text, true
	}
	if passes(label) {
		return text, isUTF8Name(label)
	}
	e := strictEncoding(label)
	if e == nil {
		return nil, false
	}
	out, err := e.NewEncoder().Bytes(text)
	return out, err == nil
}

func strictEncoding(label string) encoding.Encoding {
	if e, err := ianaindex.MIME.Encoding(label); err == nil && e != nil {
		return e
	}
	e, name := charset.Lookup(label)
	if name == "replacement" {
		return nil
	}
	return e
}

// extendsASCII says that ASCII is the same in a character set: the quick way of most mail. The others go through their encoder.
func extendsASCII(label string) bool {
	for _, prefix := range []string{"iso-8859-", "windows-125", "koi8-"} {
		if len(label) > len(prefix) && strings.EqualFold(label[:len(prefix)], prefix) {
			return true
		}
	}
	return passes(label)
}

func isASCIIText(text []byte) bool {
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
