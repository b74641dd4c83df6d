package smtp

import (
	"strconv"
	"strings"
)

// AppendXtext appends s in the xtext of RFC 3461 section 4: what is not printable ASCII, + and = become +HH.
func AppendXtext(dst []byte, s string) []byte {
	const hexDigits = "0123456789ABCDEF"
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < '!' || c > '~' || c == '+' || c == '=' {
			dst = append(dst, '+', hexDigits[c>>4], hexDigits[c&15])
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}

// AppendUTF8Xtext appends s in the utf-8-addr-xtext of RFC 6533 section 3: besides what cannot stand in xtext, the backslash
// and what is not ASCII become \x{HEX}.
func AppendUTF8Xtext(dst []byte, s string) []byte {
	for _, r := range s {
		if r < '!' || r > '~' || r == '+' || r == '=' || r == '\\' {
			dst = append(dst, `\x{`...)
			dst = append(append(dst, strings.ToUpper(strconv.FormatInt(int64(r), 16))...), '}')
		} else {
			dst = append(dst, byte(r))
		}
	}
	return dst
}
