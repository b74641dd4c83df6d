package inject

import (
	"time"

	"posthoorn/internal/mail"
	"posthoorn/internal/mime"
)

// Submission is one message as a door took it.
type Submission struct {
	// From is the MAIL FROM or the --envelope; zero when there is none. The x-mq-envelope header and, for spool and command
	// line, other headers may say otherwise (incoming-json.md section 7).
	From       mail.Address
	Recipients []Recipient

	// HeaderRecipients adds the addresses of To, Cc and Bcc and takes Bcc out of the source (section 8). With Origin Spool and
	// Extract the x-mq-recipient headers, when there are any, stand for all other recipients; Bcc is taken out then too.
	HeaderRecipients bool

	Source   []byte // the MIME message; neither changed nor kept
	Normal   bool   // Source came from NormalLines: its lines are not looked at again
	Extract  bool   // turn x-mq-* headers into properties and strip them (section 6)
	Stranger bool   // the sender may not steer anything: with Extract such headers are stripped and not read
	Origin   Origin // Connection, Spool or CLI; needed
	Received time.Time
	IPs      []string // addresses that the message may leave from, unless x-mq-ip names some (section 5)
	Checks   []byte   // JSON array of section 2; empty: no property

	// Trace appends header fields, each ended by CRLF, that stand on top of the source of one recipient; nil: none. They are
	// valid UTF-8. The id is the one that Accept returns.
	Trace func(dst []byte, r *Recipient, id string) []byte

	// Drop tells which fields are taken out of the source besides; nil: none.
	Drop func(*mime.Field) bool

	// Published is called after the confirms with every JSON object as it was published, and whether it is a report: for the
	// received log; nil: nobody wants to know.
	Published func(object []byte, report bool)
}

// Recipient is one RCPT TO or one address of the command line.
type Recipient struct {
	To       mail.Address
	DSN      mail.DSN // ORcpt with its type, such as rfc822;ann@customer.test
	Role     Role
	Reported []byte // JSON object of dsn.md section 5: property reported; only with role Reports
}

// Origin says how a message came in; each kind is a property of the JSON (incoming-json.md section 1).
type Origin interface {
	// property appends ,"name":{...}.
	property(dst []byte) []byte
	channel() channel
}

type channel uint8

const (
	overSMTP channel = iota
	fromSpool
	fromCLI
)

// Connection is an SMTP session. Behind a proxy the addresses are those of the PROXY header.
type Connection struct {
	LocalIP    string
	LocalPort  int
	RemoteIP   string
	RemotePort int
	Secure     bool
	User       string // after AUTH
}

func (*Connection) channel() channel { return overSMTP }

func (c *Connection) property(dst []byte) []byte {
	dst = append(dst, `,"connection":`...)
	return mail.NewObject(dst).String("local-ip", c.LocalIP).Int("local-port", int64(c.LocalPort)).
		String("remote-ip", c.RemoteIP).Int("remote-port", int64(c.RemotePort)).
		Bool("secure", c.Secure).Optional("user", c.User).Bytes()
}

// Spool is a file of the spool directory.
type Spool struct {
	Directory, File string
	User            string // owner of the file
	Size            int64  // bytes
}

func (*Spool) channel() channel { return fromSpool }

func (f *Spool) property(dst []byte) []byte {
	dst = append(dst, `,"spool":`...)
	return mail.NewObject(dst).String("directory", f.Directory).String("file", f.File).
		String("user", f.User).Int("size", f.Size).Bytes()
}

// CLI is a call of the program in injection mode.
type CLI struct {
	Command   string // path of the program
	Arguments []string
	User      string
}

func (*CLI) channel() channel { return fromCLI }

func (c *CLI) property(dst []byte) []byte {
	dst = append(dst, `,"cli":`...)
	return mail.NewObject(dst).String("command", c.Command).Strings("arguments", c.Arguments).
		String("user", c.User).Bytes()
}

// HTTP is a call of the REST interface. It does not go with a Submission but with Forward.
type HTTP struct {
	Authentication string // name of the token
	RemoteIP       string
	RemotePort     int
}
