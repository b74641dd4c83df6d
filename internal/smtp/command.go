package smtp

import (
	"bytes"

	"posthoorn/internal/mail"
)

// Verb is the first word of a command.
type Verb uint8

// The verbs that a server knows. ETRN (RFC 1985) and EXPN are known only to be refused.
const (
	UnknownVerb Verb = iota
	HELO
	EHLO
	MAIL
	RCPT
	DATA
	BDAT
	RSET
	NOOP
	VRFY
	EXPN
	HELP
	QUIT
	STARTTLS
	AUTH
	ETRN
)

var verbs = map[string]Verb{
	"HELO": HELO, "EHLO": EHLO, "MAIL": MAIL, "RCPT": RCPT, "DATA": DATA, "BDAT": BDAT, "RSET": RSET, "NOOP": NOOP,
	"VRFY": VRFY, "EXPN": EXPN, "HELP": HELP, "QUIT": QUIT, "STARTTLS": STARTTLS, "AUTH": AUTH, "ETRN": ETRN,
}

// Command is one line of a client, its verb told apart. Arg is what follows the first blank, blanks around it removed; it is
// valid until the next read.
type Command struct {
	Verb Verb
	Arg  []byte
}

// Errors of commands that cannot be read.
var (
	errControl = &mail.Error{Code: 500, Status: "5.5.2", Text: "Control characters in a command"}
	errUnknown = &mail.Error{Code: 500, Status: "5.5.1", Text: "Command not known"}
	// ErrLineTooLong is what a command line over the limit is answered with; the line has been read to its end.
	ErrLineTooLong = &mail.Error{Code: 500, Status: "5.5.2", Text: "Line too long"}
)

// ParseCommand reads a line without its CR LF (RFC 5321 section 4.1). A verb is a whole word in any case; a control
// character, CR and LF among them, spoils the line. Errors are of type *mail.Error.
func ParseCommand(line []byte) (Command, error) {
	for _, c := range line {
		if c < ' ' && c != '\t' || c == 0x7f {
			return Command{}, errControl
		}
	}
	word, arg, _ := bytes.Cut(bytes.TrimRight(line, " \t"), []byte{' '})
	var upper [8]byte
	if len(word) > len(upper) {
		return Command{}, errUnknown
	}
	for i, c := range word {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		upper[i] = c
	}
	verb := verbs[string(upper[:len(word)])]
	if verb == UnknownVerb {
		return Command{}, errUnknown
	}
	return Command{Verb: verb, Arg: bytes.Trim(arg, " \t")}, nil
}

// ValidHello says whether s may stand after HELO or EHLO: a name or an address literal in printable ASCII, without the
// characters that would end or nest something in a Received field.
func ValidHello(s []byte) bool {
	if len(s) == 0 || len(s) > 255 {
		return false
	}
	for _, c := range s {
		if c <= ' ' || c >= 0x7f || bytes.IndexByte([]byte(`()<>@,;\"`), c) >= 0 {
			return false
		}
	}
	return true
}
