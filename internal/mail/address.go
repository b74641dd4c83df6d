package mail

import (
	"errors"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Address is a mailbox of RFC 5321 section 4.1.2 in the form that Posthoorn keeps: the local part without its quotes, the
// domain in lower case and Unicode (message-json.md section 1), or an address literal with its brackets.
type Address struct {
	Local  string
	Domain string
	ascii  string // domain as A-labels
}

// Why an address is refused.
var (
	ErrNoAt        = errors.New("no @ in the address")
	ErrLocalPart   = errors.New("bad local part")
	ErrDomain      = errors.New("bad domain")
	ErrAddressSize = errors.New("address is too long")
)

// Limits of RFC 5321 section 4.5.3.1.
const (
	maxLocal  = 64
	maxDomain = 255
)

// ParseAddress reads local@domain without angle brackets. Loose wants only an @, a valid domain on its right and no
// character that could leave the command line (config.md 3.7 validate-recipient); then the local part is kept as it stands.
func ParseAddress(s string, loose bool) (Address, error) {
	at := strings.LastIndexByte(s, '@')
	if at <= 0 || at == len(s)-1 {
		return Address{}, ErrNoAt
	}
	local, err := parseLocal(s[:at], loose)
	if err != nil {
		return Address{}, err
	}
	domain, ascii, err := ParseDomain(s[at+1:])
	return Address{Local: local, Domain: domain, ascii: ascii}, err
}

func parseLocal(s string, loose bool) (string, error) {
	if len(s) > maxLocal && !loose || len(s) > 4*maxLocal {
		return "", ErrAddressSize
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, isControl) {
		return "", ErrLocalPart
	}
	if s[0] == '"' {
		return unquoteLocal(s)
	}
	if isDotString(s) || loose && !strings.ContainsAny(s, " <>\"\\") {
		return s, nil
	}
	return "", ErrLocalPart
}

func isControl(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }

// unquoteLocal takes a quoted-string of RFC 5321 section 4.1.2 apart.
func unquoteLocal(s string) (string, error) {
	if len(s) < 3 || s[len(s)-1] != '"' {
		return "", ErrLocalPart
	}
	var b strings.Builder
	for in := s[1 : len(s)-1]; in != ""; in = in[1:] {
		if in[0] == '\\' {
			if in = in[1:]; in == "" {
				return "", ErrLocalPart
			}
		} else if in[0] == '"' {
			return "", ErrLocalPart
		}
		b.WriteByte(in[0])
	}
	return b.String(), nil
}

// isDotString says whether s is a Dot-string of RFC 5321, with the non-ASCII atoms of RFC 6531 section 3.3.
func isDotString(s string) bool {
	atom := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '.':
			if atom == 0 {
				return false
			}
			atom = 0
		case isAtext(c):
			atom++
		default:
			return false
		}
	}
	return atom > 0
}

func isAtext(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80 ||
		strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

// ParseDomain reads a domain name, in Unicode or as A-labels, or an address literal. It returns the form that is shown and the
// form that travels in DNS and in ASCII-only commands.
func ParseDomain(s string) (domain, ascii string, err error) {
	if len(s) > maxDomain || s == "" || !utf8.ValidString(s) {
		return "", "", ErrDomain
	}
	if s[0] == '[' {
		return parseLiteral(s)
	}
	if lower, ok := plainDomain(s); ok {
		return lower, lower, nil
	}
	ascii, err = idna.Lookup.ToASCII(s)
	if err != nil {
		return "", "", ErrDomain
	}
	if _, ok := ldhDomain(ascii); !ok {
		return "", "", ErrDomain
	}
	domain, err = idna.Lookup.ToUnicode(ascii)
	if err != nil {
		domain = ascii
	}
	return domain, ascii, nil
}

// parseLiteral takes [192.0.2.1] and [IPv6:2001:db8::1] (RFC 5321 section 4.1.3).
func parseLiteral(s string) (string, string, error) {
	if s[len(s)-1] != ']' {
		return "", "", ErrDomain
	}
	inner := s[1 : len(s)-1]
	is6 := len(inner) > 5 && strings.EqualFold(inner[:5], "IPv6:")
	if is6 {
		inner = inner[5:]
	}
	ip, err := netip.ParseAddr(inner)
	if err != nil || ip.Zone() != "" || ip.Is4() == is6 {
		return "", "", ErrDomain
	}
	if is6 {
		s = "[IPv6:" + ip.String() + "]"
	}
	return s, s, nil
}

// plainDomain is the quick way for names that need no conversion.
func plainDomain(s string) (string, bool) {
	if strings.Contains(s, "xn--") || strings.Contains(s, "XN--") {
		return "", false
	}
	return ldhDomain(s)
}

// ldhDomain checks labels of letters, digits, hyphens (and underscores, which exist in the wild) and puts them in lower case.
func ldhDomain(s string) (string, bool) {
	label, upper := 0, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '.':
			if label == 0 || s[i-1] == '-' {
				return "", false
			}
			label = -1
		case c == '-' && label == 0:
			return "", false
		case c >= 'A' && c <= 'Z':
			upper = true
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return "", false
		}
		if label++; label > 63 {
			return "", false
		}
	}
	if label == 0 || s[len(s)-1] == '-' {
		return "", false
	}
	if upper {
		s = strings.ToLower(s)
	}
	return s, true
}

// IsZero says that there is no address: the null reverse-path.
func (a Address) IsZero() bool { return a.Domain == "" }

// ASCIIDomain is the domain as A-labels: the key of a destination.
func (a Address) ASCIIDomain() string {
	if a.ascii == "" {
		return a.Domain
	}
	return a.ascii
}

// String is the address as it stands in JSON and logs: Unicode domain, local part quoted where RFC 5321 demands it.
func (a Address) String() string {
	if a.IsZero() {
		return ""
	}
	return a.quotedLocal() + "@" + a.Domain
}

// NeedsUTF8 says that the address cannot be written without SMTPUTF8 even with A-labels (RFC 6531).
func (a Address) NeedsUTF8() bool {
	return strings.ContainsFunc(a.Local, func(r rune) bool { return r >= utf8.RuneSelf })
}

// AppendPath appends the address as it stands between the angle brackets of MAIL and RCPT. The domain is in A-labels, unless
// smtputf8. Nothing in it can end the path: the local part is quoted where it must be.
func (a Address) AppendPath(dst []byte, smtputf8 bool) []byte {
	if a.IsZero() {
		return dst
	}
	dst = append(dst, a.quotedLocal()...)
	dst = append(dst, '@')
	if smtputf8 {
		return append(dst, a.Domain...)
	}
	return append(dst, a.ASCIIDomain()...)
}

// quotedLocal writes the local part as Dot-string where it is one, else as quoted-string.
func (a Address) quotedLocal() string {
	if isDotString(a.Local) {
		return a.Local
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(a.Local); i++ {
		if c := a.Local[i]; c == '"' || c == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(a.Local[i])
	}
	b.WriteByte('"')
	return b.String()
}
