package smtp

import (
	"bytes"
	"strings"

	"posthoorn/internal/mail"
)

// Rules are how a server reads MAIL and RCPT.
type Rules struct {
	Loose    bool   // addresses need not be strictly valid (config.md 3.6 smtp-validate-address)
	Extended bool   // the client said EHLO: parameters are allowed
	DSN      bool   // RET, ENVID, NOTIFY and ORCPT are allowed (RFC 3461)
	Auth     bool   // the AUTH parameter is allowed (RFC 4954 section 5)
	UTF8     bool   // the transaction has SMTPUTF8; only for RCPT, MAIL says so itself
	Hostname string // domain of a bare <postmaster> (RFC 5321 section 4.5.1)
}

func syntax(status, text string) *mail.Error {
	return &mail.Error{Code: 501, Status: status, Text: text}
}

var errNeedsUTF8 = &mail.Error{Code: 553, Status: "5.6.7", Text: "Address needs SMTPUTF8"}

// splitPath takes "FROM:<path> parameters" apart. The path comes without its angle brackets, which loose rules do without, and
// without a source route, which RFC 5321 appendix C tells servers to ignore.
func (rules Rules) splitPath(arg []byte, keyword string) (path, params []byte, err error) {
	if len(arg) < len(keyword) || !strings.EqualFold(string(arg[:len(keyword)]), keyword) {
		return nil, nil, syntax("5.5.4", keyword+"<address> expected")
	}
	rest := bytes.TrimLeft(arg[len(keyword):], " ")
	if len(rest) == 0 || rest[0] != '<' {
		path, params, _ = bytes.Cut(rest, []byte{' '})
		if !rules.Loose || len(path) == 0 || bytes.ContainsAny(rest, `<>"\`) {
			return nil, nil, syntax("5.5.4", "Address must stand in angle brackets")
		}
		return withoutRoute(path), params, nil
	}
	end := pathEnd(rest)
	if end < 0 {
		return nil, nil, syntax("5.5.4", "Address without a closing angle bracket")
	}
	path, params = rest[1:end], rest[end+1:]
	if len(params) > 0 && params[0] != ' ' {
		return nil, nil, syntax("5.5.4", "Blank expected after the address")
	}
	return withoutRoute(path), params, nil
}

// withoutRoute is a path without its source route. A route to nowhere is not the null path.
func withoutRoute(path []byte) []byte {
	if len(path) > 0 && path[0] == '@' {
		if colon := bytes.IndexByte(path, ':'); colon > 0 && colon < len(path)-1 {
			return path[colon+1:]
		}
	}
	return path
}

// pathEnd is where the > stands that ends the path: the first one outside a quoted string.
func pathEnd(b []byte) int {
	quoted := false
	for i := 1; i < len(b); i++ {
		switch c := b[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == '>' && !quoted:
			return i
		}
	}
	return -1
}

func parseMailbox(path []byte, loose, utf8 bool, status string) (mail.Address, error) {
	if !utf8 && !isASCII(path) {
		return mail.Address{}, errNeedsUTF8
	}
	a, err := mail.ParseAddress(string(path), loose)
	if err != nil {
		return a, &mail.Error{Code: 501, Status: status, Text: "Address is not valid", Cause: err}
	}
	return a, nil
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
