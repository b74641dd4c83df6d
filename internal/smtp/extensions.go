package smtp

import (
	"bytes"
	"strconv"
)

// Extensions is what a server offers in its answer to EHLO. The zero value is a server that offers nothing (HELO).
type Extensions struct {
	Pipelining bool // RFC 2920
	EightBit   bool // 8BITMIME, RFC 6152
	UTF8       bool // SMTPUTF8, RFC 6531
	DSN        bool // RFC 3461
	StartTLS   bool // RFC 3207
	HasSize    bool // SIZE is offered, RFC 1870
	Size       int64
	Auth       Mechanisms // RFC 4954
	MailMax    int        // transactions per session, RFC 9422; 0: no limit was named
}

// ParseExtensions reads the positive answer to EHLO. Keywords are taken in any case (RFC 5321 section 2.4), what is not
// known or not readable is left out.
func ParseExtensions(r Reply) (e Extensions) {
	first := true
	for line := range r.Lines() {
		if first { // the server's name
			first = false
			continue
		}
		e.add(bytes.ToUpper(line))
	}
	return e
}

func (e *Extensions) add(line []byte) {
	if rest, ok := bytes.CutPrefix(line, []byte("AUTH=")); ok { // from before RFC 2554, still met
		e.Auth |= parseMechanisms(rest)
		return
	}
	keyword, rest, _ := bytes.Cut(bytes.TrimSpace(line), []byte{' '})
	switch string(keyword) {
	case "PIPELINING":
		e.Pipelining = true
	case "8BITMIME":
		e.EightBit = true
	case "SMTPUTF8":
		e.UTF8 = true
	case "DSN":
		e.DSN = true
	case "STARTTLS":
		e.StartTLS = true
	case "SIZE":
		e.HasSize = true
		e.Size = number(bytes.TrimSpace(rest))
	case "AUTH":
		e.Auth |= parseMechanisms(rest)
	case "LIMITS":
		for param := range bytes.FieldsSeq(rest) {
			if v, ok := bytes.CutPrefix(param, []byte("MAILMAX=")); ok {
				e.MailMax = int(min(number(v), 1_000_000))
			}
		}
	}
}

// number is 0 for what is none: no limit.
func number(b []byte) int64 {
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
