package smtp

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
