package deliver

import (
	"bytes"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"posthoorn/internal/mail"
	"posthoorn/internal/smtp"
)

// Longest parameter values (RFC 3461 sections 4.2 and 4.4).
const (
	maxORcpt = 500
	maxEnvID = 100
)

// appendMail appends the MAIL command (RFC 5321 section 4.1.1.2) with the parameters that the peer knows.
func (c *Conn) appendMail(dst []byte, j *Job) []byte {
	international := j.needsUTF8()
	dst = append(dst, "MAIL FROM:<"...)
	dst = append(j.Envelope.From.AppendPath(dst, international), '>')
	if c.ext.HasSize {
		dst = strconv.AppendInt(append(dst, " SIZE="...), int64(len(j.body.Data)), 10)
	}
	if (j.body.EightBit || international) && c.ext.EightBit {
		dst = append(dst, " BODY=8BITMIME"...)
	}
	if international {
		dst = append(dst, " SMTPUTF8"...)
	}
	if c.ext.DSN {
		dst = appendKeywords(dst, " RET=", j.Envelope.DSN.Ret)
		dst = appendEnvID(dst, j.Envelope.DSN.EnvID)
	}
	return append(dst, "\r\n"...)
}

// appendRcpt appends the RCPT command (RFC 5321 section 4.1.1.3).
func (c *Conn) appendRcpt(dst []byte, j *Job) []byte {
	international := j.needsUTF8()
	dst = append(dst, "RCPT TO:<"...)
	dst = append(j.Envelope.To.AppendPath(dst, international), '>')
	if c.ext.DSN {
		dst = appendKeywords(dst, " NOTIFY=", j.Envelope.DSN.Notify)
		dst = appendORcpt(dst, j.Envelope.DSN.ORcpt)
	}
	return append(dst, "\r\n"...)
}

// appendKeywords appends a parameter whose value is keywords with commas; anything else is left out.
func appendKeywords(dst []byte, name, value string) []byte {
	if value == "" || strings.ContainsFunc(value, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != ',' }) {
		return dst
	}
	return append(append(dst, name...), value...)
}

// appendEnvID leaves out what the RFC does not allow, such as letters that are not ASCII: servers refuse it, and a notification with
// less in it is better than a refused message.
func appendEnvID(dst []byte, id string) []byte {
	start := len(dst)
	if id == "" || !isASCII(id) || !printable(id) {
		return dst
	}
	dst = append(dst, " ENVID="...)
	value := len(dst)
	if dst = smtp.AppendXtext(dst, id); len(dst)-value > maxEnvID {
		return dst[:start]
	}
	return dst
}

// appendORcpt takes type;address, or an address alone, which is of type rfc822. One that is not ASCII is of type utf-8 and
// written as RFC 6533 section 3 wants it where SMTPUTF8 may be absent. What nobody could read is left out.
func appendORcpt(dst []byte, orcpt string) []byte {
	kind, address, ok := strings.Cut(orcpt, ";")
	if !ok {
		kind, address = "rfc822", orcpt
	}
	if address == "" || !printable(address) || !isType(kind) {
		return dst
	}
	start := len(dst)
	dst = append(dst, " ORCPT="...)
	if isASCII(address) && !strings.EqualFold(kind, "utf-8") {
		dst = smtp.AppendXtext(append(append(dst, kind...), ';'), address)
	} else {
		dst = smtp.AppendUTF8Xtext(append(dst, "utf-8;"...), address)
	}
	if len(dst)-start > maxORcpt {
		return dst[:start]
	}
	return dst
}

// isType says that s may be the type of an address.
func isType(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
	})
}

// printable says that a text is UTF-8 without control characters.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// command is the envelope of one message as it goes over the wire.
type command struct {
	buf        []byte
	mail, rcpt int // where these commands end; DATA is what follows
}

// compose writes the envelope of j down. False: an address holds what no command may hold, which is the last guard against
// a caller that did not parse it.
func (c *Conn) compose(j *Job) bool {
	m := &c.command
	m.buf = c.appendMail(m.buf[:0], j)
	m.mail = len(m.buf)
	m.buf = c.appendRcpt(m.buf, j)
	m.rcpt = len(m.buf)
	m.buf = append(m.buf, "DATA\r\n"...)
	return oneLine(m.buf[:m.mail]) && oneLine(m.buf[m.mail:m.rcpt])
}

// oneLine says that a command ends where it should and nowhere else.
func oneLine(command []byte) bool {
	n := len(command) - 2
	return bytes.IndexByte(command, '\r') == n && bytes.IndexByte(command, '\n') == n+1 && bytes.IndexByte(command, 0) < 0
}

// unspeakable is the result for such an address.
func (c *Conn) unspeakable() *mail.Result {
	r := c.local(mail.StateProcess, mail.Invalid, 553, "5.1.3")
	r.Permanent = true
	return r
}
