package smtp

import (
	"bytes"
	"iter"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"posthoorn/internal/mail"
)

// MailCommand is a MAIL with its parameters.
type MailCommand struct {
	From  mail.Address // zero: the null reverse-path
	Size  int64        // SIZE (RFC 1870), bytes; 0: not given, math.MaxInt64: more than can be counted
	Body8 bool         // BODY=8BITMIME (RFC 6152)
	UTF8  bool         // SMTPUTF8 (RFC 6531)
	Ret   string       // FULL, HDRS or empty (RFC 3461)
	EnvID string       // decoded
}

// RcptCommand is a RCPT with its parameters.
type RcptCommand struct {
	To     mail.Address
	Notify string // NEVER or a comma list, in capitals (RFC 3461)
	ORcpt  string // type;address, decoded
}

// ParseMail reads the argument of MAIL. Errors are of type *mail.Error: 501 for bad syntax, 553 for an address that needs
// SMTPUTF8, 555 for a parameter that is not known or not offered.
func ParseMail(arg []byte, rules Rules) (MailCommand, error) {
	var c MailCommand
	path, params, err := rules.splitPath(arg, "FROM:")
	if err != nil {
		return c, err
	}
	var seen []string
	for word := range parameters(params) {
		if err := rules.check(word, &seen); err != nil {
			return c, err
		}
		if err := c.parameter(word, rules); err != nil {
			return c, err
		}
	}
	if len(path) == 0 {
		return c, nil
	}
	c.From, err = parseMailbox(path, rules.Loose, c.UTF8, "5.1.7")
	return c, err
}

func (c *MailCommand) parameter(p parameter, rules Rules) error {
	switch p.name {
	case "SIZE":
		return p.size(&c.Size)
	case "BODY":
		c.Body8 = p.upper() == "8BITMIME"
		return p.oneOf("7BIT", "8BITMIME")
	case "SMTPUTF8":
		c.UTF8 = true
		return p.flag()
	case "AUTH":
		if rules.Auth {
			return p.xtext(new(string), 500)
		}
	case "RET":
		if rules.DSN {
			c.Ret = p.upper()
			return p.oneOf("FULL", "HDRS")
		}
	case "ENVID":
		if rules.DSN {
			return p.xtext(&c.EnvID, 100)
		}
	}
	return p.unknown()
}

// ParseRcpt reads the argument of RCPT. Errors as those of ParseMail.
func ParseRcpt(arg []byte, rules Rules) (RcptCommand, error) {
	var c RcptCommand
	path, params, err := rules.splitPath(arg, "TO:")
	if err != nil {
		return c, err
	}
	if strings.EqualFold(string(path), "postmaster") {
		path = []byte("postmaster@" + rules.Hostname)
	}
	if c.To, err = parseMailbox(path, rules.Loose, rules.UTF8, "5.1.3"); err != nil {
		return c, err
	}
	var seen []string
	for word := range parameters(params) {
		if err := rules.check(word, &seen); err != nil {
			return c, err
		}
		if err := c.parameter(word, rules); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (c *RcptCommand) parameter(p parameter, rules Rules) error {
	switch {
	case p.name == "NOTIFY" && rules.DSN:
		c.Notify = p.upper()
		return p.notify()
	case p.name == "ORCPT" && rules.DSN:
		return p.orcpt(&c.ORcpt)
	}
	return p.unknown()
}

// parameter is NAME or NAME=value (RFC 5321 section 4.1.2).
type parameter struct {
	name     string // in capitals
	value    []byte
	hasValue bool
}

func parameters(b []byte) iter.Seq[parameter] {
	return func(yield func(parameter) bool) {
		for word := range bytes.FieldsSeq(b) {
			name, value, has := bytes.Cut(word, []byte{'='})
			if !yield(parameter{strings.ToUpper(string(name)), value, has}) {
				return
			}
		}
	}
}

// check refuses parameters after HELO and those that come twice.
func (r *Rules) check(p parameter, seen *[]string) error {
	if !r.Extended {
		return p.unknown()
	}
	for _, s := range *seen {
		if s == p.name {
			return syntax("5.5.4", "Parameter given twice")
		}
	}
	*seen = append(*seen, p.name)
	return nil
}

func (p *parameter) unknown() error {
	return &mail.Error{Code: 555, Status: "5.5.4", Text: "Parameter not known"}
}

func (p *parameter) bad() error { return syntax("5.5.4", "Bad value of a parameter") }

func (p *parameter) upper() string { return strings.ToUpper(string(p.value)) }

func (p *parameter) flag() error {
	if p.hasValue {
		return p.bad()
	}
	return nil
}

func (p *parameter) oneOf(words ...string) error {
	for _, w := range words {
		if p.upper() == w {
			return nil
		}
	}
	return p.bad()
}

// size reads up to 20 digits (RFC 1870 section 6).
func (p *parameter) size(n *int64) error {
	if len(p.value) == 0 || len(p.value) > 20 {
		return p.bad()
	}
	for _, c := range p.value {
		if c < '0' || c > '9' {
			return p.bad()
		}
	}
	var err error
	if *n, err = strconv.ParseInt(string(p.value), 10, 64); err != nil {
		*n = math.MaxInt64
	}
	return nil
}

func (p *parameter) notify() error {
	if p.upper() == "NEVER" {
		return nil
	}
	for word := range strings.SplitSeq(p.upper(), ",") {
		if word != "SUCCESS" && word != "FAILURE" && word != "DELAY" {
			return p.bad()
		}
	}
	return nil
}

func (p *parameter) orcpt(to *string) error {
	kind, _, ok := bytes.Cut(p.value, []byte{';'})
	if !ok || len(kind) == 0 || !isAtom(kind) {
		return p.bad()
	}
	if err := p.xtext(to, 500); err != nil || !strings.EqualFold(string(kind), "utf-8") {
		return err
	}
	if *to, ok = decodeUTF8Xtext(*to); !ok {
		return p.bad()
	}
	return nil
}

func isAtom(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c >= 0x7f || bytes.IndexByte([]byte(`()<>@,;:\".[]`), c) >= 0 {
			return false
		}
	}
	return true
}

func (p *parameter) xtext(to *string, most int) error {
	s, ok := decodeXtext(p.value)
	if !ok || len(p.value) == 0 || len(p.value) > most {
		return p.bad()
	}
	*to = s
	return nil
}

// decodeXtext undoes the xtext of RFC 3461 section 4. What comes out is text without control characters: it goes into JSON,
// logs, headers and commands.
func decodeXtext(b []byte) (string, bool) {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c == '+' {
			if i+2 >= len(b) {
				return "", false
			}
			n, err := strconv.ParseUint(string(b[i+1:i+3]), 16, 8)
			if err != nil {
				return "", false
			}
			c, i = byte(n), i+2
		}
		if c < ' ' || c == 0x7f {
			return "", false
		}
		out = append(out, c)
	}
	return string(out), utf8.Valid(out)
}

// decodeUTF8Xtext undoes the utf-8-addr-xtext of RFC 6533 section 3, in which \x{HEX} is a character. No control character comes out.
func decodeUTF8Xtext(s string) (string, bool) {
	var out strings.Builder
	for {
		plain, rest, escaped := strings.Cut(s, `\`)
		out.WriteString(plain)
		if !escaped {
			return out.String(), true
		}
		digits, after, closed := strings.Cut(rest, "}")
		digits, opened := strings.CutPrefix(digits, "x{")
		n, err := strconv.ParseUint(digits, 16, 21)
		if r := rune(n); !opened || !closed || err != nil || !utf8.ValidRune(r) || unicode.IsControl(r) {
			return "", false
		}
		out.WriteRune(rune(n))
		s = after
	}
}
