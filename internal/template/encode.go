package template

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strings"
)

// A mode is what every printed value of a template is escaped for.
type mode uint8

const (
	modeRaw mode = iota
	modeHTML
	modeURL
	modeBase64
	modeJSON
)

// modes by name; a name that is not here means raw.
var modes = map[string]mode{"html": modeHTML, "url": modeURL, "base64": modeBase64, "json": modeJSON}

func (m mode) append(dst []byte, s string) []byte {
	switch m {
	case modeHTML:
		return escapeHTML(dst, s)
	case modeURL:
		return append(dst, urlEncode(s)...)
	case modeBase64:
		return base64.StdEncoding.AppendEncode(dst, []byte(s))
	case modeJSON:
		return escapeJSON(dst, s)
	}
	return append(dst, s...)
}

func escapeHTML(dst []byte, s string) []byte {
	for i := range len(s) {
		switch s[i] {
		case '&':
			dst = append(dst, "&amp;"...)
		case '<':
			dst = append(dst, "&lt;"...)
		case '>':
			dst = append(dst, "&gt;"...)
		case '"':
			dst = append(dst, "&quot;"...)
		case '\'':
			dst = append(dst, "&#39;"...)
		default:
			dst = append(dst, s[i])
		}
	}
	return dst
}

// escapeJSON writes s as the inside of a JSON string.
func escapeJSON(dst []byte, s string) []byte {
	const short = "\b\t\n\f\r\"\\"
	const letters = `btnfr"\`
	for i := range len(s) {
		c := s[i]
		if n := strings.IndexByte(short, c); n >= 0 {
			dst = append(dst, '\\', letters[n])
		} else if c < ' ' {
			dst = fmt.Appendf(dst, `\u%04x`, c)
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}

// escape settles how the value is escaped, unless the kind is none that there is.
func escape(_ *state, v Value, a arguments) (Value, error) {
	m := modes[a.text(0, "html")]
	if m == modeRaw || !v.isScalar() {
		return v, nil
	}
	out := String(string(m.append(nil, v.text())))
	out.exempt = true
	return out, nil
}

func raw(_ *state, v Value, _ arguments) (Value, error) {
	v.exempt = true
	return v, nil
}

func jsonEncode(s string) string   { return string(escapeJSON(nil, s)) }
func jsonDecode(s string) string   { return decodeString([]byte(s)) }
func base64Encode(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// base64Decode leaves damaged input alone.
func base64Decode(s string) string {
	out, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return s
	}
	return string(out)
}

func urlEncode(s string) string {
	const hexDigits = "0123456789ABCDEF"
	out := make([]byte, 0, len(s)+len(s)/2)
	for i := range len(s) {
		c := s[i]
		if isLetter(c) || isDigit(c) || strings.IndexByte("-._~", c) >= 0 {
			out = append(out, c)
		} else {
			out = append(out, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return string(out)
}

// urlDecode leaves a percent sign alone that is not followed by two hex digits.
func urlDecode(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		var b [1]byte
		switch {
		case s[i] == '+':
			out = append(out, ' ')
			continue
		case s[i] == '%' && i+2 < len(s):
			if _, err := hex.Decode(b[:], []byte(s[i+1:i+3])); err == nil {
				out = append(out, b[0])
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}

var algorithms = map[string]func() hash.Hash{
	"md5": md5.New, "sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New,
}

func hashing(algorithm string) modifier {
	return func(s *state, v Value, _ arguments) (Value, error) {
		out, _, err := s.hash(v, algorithm)
		return out, err
	}
}

// hash gives the lower-case hex hash of a value; of a list that of all values in it, one after the
// other. ok is false for an unknown algorithm.
func (s *state) hash(v Value, algorithm string) (out Value, ok bool, err error) {
	construct, ok := algorithms[algorithm]
	if !ok {
		return Value{}, false, nil
	}
	h := construct()
	if err := s.spend(1000 + 40*v.weight()); err != nil {
		return Value{}, true, err
	}
	writeValues(h, v)
	return String(hex.EncodeToString(h.Sum(nil))), true, nil
}

func writeValues(w io.Writer, v Value) {
	switch {
	case v.isScalar():
		io.WriteString(w, v.text())
	case v.tree == nil:
		writeScalars(w, v.raw)
	default:
		for _, e := range v.tree.values {
			writeValues(w, e)
		}
		for _, m := range v.tree.members {
			writeValues(w, m.Value)
		}
	}
}

// writeScalars writes all texts, numbers and booleans of a JSON container, at whatever depth.
func writeScalars(w io.Writer, raw []byte) {
	for i := 0; i < len(raw); {
		c := raw[i]
		if isSpace(c) || strings.IndexByte("{}[],:", c) >= 0 {
			i++
			continue
		}
		end := skipValue(raw, i)
		if end <= i {
			return
		}
		if next := skipSpace(raw, end); next == len(raw) || raw[next] != ':' {
			io.WriteString(w, JSON(raw[i:end]).text())
		}
		i = end
	}
}
