package block

import (
	"net/url"
	"strings"

	"posthoorn/internal/template"
)

// address is a URL taken apart. Put together again it is the same, byte for byte.
type address struct {
	scheme    string // lower case; empty if it is not http or https, or made by a tag
	host      string // lower case, without user and port
	afterName marked // from :// to the end of host and port
	before    marked // of a URL without scheme and host: all but query and fragment
	path      marked
	query     marked // with its question mark
	fragment  marked // with its #
}

func parseAddress(m marked) address {
	var a address
	m, a.fragment = m.cut("#")
	m, a.query = m.cut("?")
	scheme, rest, ok := strings.Cut(m.mask, "://")
	web := strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")
	end := strings.IndexByte(rest, '/')
	if end < 0 {
		end = len(rest)
	}
	if !ok || !web || end == 0 || strings.Contains(rest[:end], "\x00") {
		a.before = m
		return a
	}
	end += len(scheme) + len("://")
	a.scheme, a.afterName, a.path = strings.ToLower(scheme), m.slice(len(scheme), end), m.slice(end, len(m.mask))
	a.host = hostname(strings.ToLower(a.afterName.text[len("://"):]))
	return a
}

func hostname(host string) string {
	host = host[strings.LastIndexByte(host, '@')+1:]
	if colon := strings.LastIndexByte(host, ':'); colon > strings.LastIndexByte(host, ']') {
		host = host[:colon]
	}
	return host
}

func (a *address) whole() marked {
	return a.before.plus(plainText(a.scheme), a.afterName, a.path, a.query, a.fragment)
}

// set adds a parameter of the query, or replaces it in its place. The value is encoded already.
func (a *address) set(name string, value marked) {
	param := plainText(percentEncoded(name) + "=").plus(value)
	out, set := plainText("?"), false
	add := func(m marked) {
		if len(out.mask) > 1 {
			out = out.plus(plainText("&"))
		}
		out = out.plus(m)
	}
	for rest := a.query; len(rest.mask) > 1; {
		var one marked
		one, rest = rest.slice(1, len(rest.mask)).cut("&")
		switch {
		case !isParam(one, name):
			add(one)
		case !set:
			add(param)
			set = true
		}
	}
	if !set {
		add(param)
	}
	a.query = out
}

func isParam(m marked, name string) bool {
	have, _, _ := strings.Cut(m.mask, "=")
	decoded, err := url.QueryUnescape(have)
	return err == nil && decoded == name
}

// encoded is a string as the value of a parameter; what its tags print will be encoded too, unless their author saw to it.
func (b *builder) encoded(s string) string {
	if !b.templated(s) {
		return percentEncoded(s)
	}
	var out strings.Builder
	_, pieces := leading(split(s))
	for _, p := range pieces {
		switch {
		case p.Kind == template.Text:
			out.WriteString(percentEncoded(p.Source))
		case p.Kind == template.Print && !p.Settled && !strings.Contains(p.Source, "urlencode"):
			out.WriteString("{(" + p.Source[1:len(p.Source)-1] + ")|urlencode}")
		default:
			out.WriteString(p.Source)
		}
	}
	return out.String()
}

// percentEncoded is s as the value of a parameter (RFC 3986 section 2.3).
func percentEncoded(s string) string {
	const digits = "0123456789ABCDEF"
	out := make([]byte, 0, len(s)+len(s)/4)
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			out = append(out, c)
		} else {
			out = append(out, '%', digits[c>>4], digits[c&15])
		}
	}
	return string(out)
}
