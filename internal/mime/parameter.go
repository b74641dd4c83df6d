package mime

import (
	"strconv"
	"strings"
)

// Media is the value of a Content-Type or Content-Disposition field: a type and its parameters (RFC 2045 section 5.1).
type Media struct {
	Type   string // in lower case: text/plain, attachment
	Params []Param
}

// Param is one parameter. In a parsed field it is as it stands there; name*0 and name* are of RFC 2231.
type Param struct{ Name, Value string }

// maxParams bounds the parameters of a field.
const maxParams = 100

// ParseMedia takes a Content-Type or Content-Disposition field apart. It forgives what is seen in the wild: values with blanks
// that are not quoted, comments, semicolons too many. What cannot be read is left out.
func ParseMedia(value []byte) Media {
	s := string(Unfold(value))
	head, rest := cutParam(s)
	m := Media{Type: strings.ToLower(head)}
	for rest != "" && len(m.Params) < maxParams {
		var one string
		one, rest = cutParam(rest)
		name, value, ok := strings.Cut(one, "=")
		if name = strings.TrimRight(name, " \t"); ok && name != "" {
			m.Params = append(m.Params, Param{name, unquote(strings.TrimLeft(value, " \t"))})
		}
	}
	return m
}

// cutParam cuts s at the next semicolon that is not in a quoted-string; comments are taken out.
func cutParam(s string) (one, rest string) {
	var kept []byte
	start, i := 0, 0
	for i < len(s) && s[i] != ';' {
		switch s[i] {
		case '"':
			i += quotedLen(s[i:])
		case '(':
			kept = append(kept, s[start:i]...)
			i += CommentLen(s[i:])
			start = i
		default:
			i++
		}
	}
	one = s[start:i]
	if kept != nil {
		one = string(append(kept, one...))
	}
	return strings.Trim(one, " \t"), s[min(i+1, len(s)):]
}

// unquote takes the quotes off a value that has them.
func unquote(s string) string {
	if s == "" || s[0] != '"' {
		return s
	}
	s = s[1:quotedLen(s)]
	s = strings.TrimSuffix(s, `"`)
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// Get is the value of a parameter in UTF-8, also when it was cut into pieces or encoded (RFC 2231). If there are several, the
// first plain one counts.
func (m Media) Get(name string) string {
	if v, ok := m.find(name); ok {
		return v
	}
	if v, ok := m.find(name + "*"); ok {
		return decodeExtended(v)
	}
	var value strings.Builder
	extended := false
	for i := range maxParams {
		piece := name + "*" + strconv.Itoa(i)
		v, ok := m.find(piece)
		if !ok {
			if v, ok = m.find(piece + "*"); !ok {
				break
			}
			extended = true
		}
		value.WriteString(v)
	}
	if extended {
		return decodeExtended(value.String())
	}
	return value.String()
}

func (m Media) find(name string) (string, bool) {
	for _, p := range m.Params {
		if strings.EqualFold(p.Name, name) {
			return p.Value, true
		}
	}
	return "", false
}

// With is m with a parameter set to a value; every form that it had goes.
func (m Media) With(name, value string) Media {
	params := make([]Param, 0, len(m.Params)+1)
	for _, p := range m.Params {
		if bare, _, _ := strings.Cut(p.Name, "*"); !strings.EqualFold(bare, name) {
			params = append(params, p)
		}
	}
	return Media{Type: m.Type, Params: append(params, Param{name, value})}
}

// decodeExtended decodes charset'language'text with percent signs.
func decodeExtended(s string) string {
	parts := strings.SplitN(s, "'", 3)
	if len(parts) < 3 {
		return s
	}
	out, err := appendUTF8(nil, percentDecoded(parts[2]), parts[0])
	if err != nil {
		return parts[2]
	}
	return strings.ToValidUTF8(string(out), "\uFFFD")
}

func percentDecoded(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			out = append(out, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return out
}

// AppendMedia appends a Content-Type or Content-Disposition field, CRLF included, folded between parameters. A value that is
// not ASCII, or too long for a line, is written by RFC 2231; that of name, which old readers look for, as encoded words.
func AppendMedia(dst []byte, field string, m Media) []byte {
	f := startField(dst, field)
	f.put("", clean(m.Type))
	for _, p := range m.Params {
		f.param(clean(p.Name), clean(p.Value))
	}
	return f.end()
}

func (f *fieldWriter) param(name, value string) {
	f.out = append(f.out, ';')
	switch {
	case !isToken(strings.ReplaceAll(name, "*", "")):
		f.out = f.out[:len(f.out)-1] // nothing that could be written
	case strings.HasSuffix(name, "*") && isToken(strings.ReplaceAll(value, "'", "")):
		f.put(" ", name+"="+value)
	case isASCII(value) && len(name)+len(value) < foldAt-5 || strings.Contains(name, "*"):
		f.put(" ", name+"="+quoteValue(value))
	case strings.EqualFold(name, "name"):
		f.wordParam(name, value)
	default:
		f.extendedParam(name, value)
	}
}

// wordParam writes a value as encoded words in quotes, which no standard allows and every mail program reads.
func (f *fieldWriter) wordParam(name, value string) {
	w := fieldWriter{first: true, line: -len(name) - 3}
	w.putEncoded("", value)
	f.put(" ", name+`="`+string(w.out)+`"`)
}

// extendedParam writes name*0*=utf-8”text and so on (RFC 2231 sections 3 and 4), or name* when one piece is enough.
func (f *fieldWriter) extendedParam(name, value string) {
	const room = foldAt - 8
	text := "utf-8''" + percentEncoded(value)
	if len(name)+len(text) <= room {
		f.put(" ", name+"*="+text)
		return
	}
	for i := 0; text != ""; i++ {
		n := min(len(text), room-min(len(name), room/2))
		for n < len(text) && n > 2 && (text[n-1] == '%' || text[n-2] == '%') {
			n--
		}
		if i > 0 {
			f.out = append(f.out, ';')
		}
		f.put(" ", name+"*"+strconv.Itoa(i)+"*="+text[:n])
		text = text[n:]
	}
}

func percentEncoded(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; isLetterOrDigit(c) || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hexDigits[c>>4], hexDigits[c&15]})
		}
	}
	return b.String()
}

func quoteValue(s string) string {
	if isToken(s) {
		return s
	}
	return quote(s)
}

// isToken says whether s is a token of RFC 2045 section 5.1.
func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?=`, c) >= 0 {
			return false
		}
	}
	return s != ""
}
