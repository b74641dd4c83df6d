package smtpd

import (
	"fmt"
	"net/netip"
	"time"

	"posthoorn/internal/inject"
	"posthoorn/internal/mail"
	"posthoorn/internal/smtp"
)

// transaction is what lies between MAIL and the end of the data.
type transaction struct {
	mail       smtp.MailCommand
	recipients []inject.Recipient
	accepted   int   // recipients that are not for the refused queue
	over       int   // recipients beyond the limit
	content    *body // nil: no data yet
	chunks     bool  // BDAT has begun
	normal     bool  // the lines of the content are good as they came
	checks     []byte
	results    string // of the Checker
	received   time.Time
}

var (
	errHelloFirst    = &mail.Error{Code: 503, Status: "5.5.1", Text: "EHLO or HELO first"}
	errSize          = &mail.Error{Code: 552, Status: "5.3.4", Text: "Message is too big"}
	errMemory        = &mail.Error{Code: 452, Status: "4.3.1", Text: "Insufficient memory, try again later"}
	errNoRecipient   = &mail.Error{Code: 554, Status: "5.5.1", Text: "No valid recipients"}
	errRecipients    = &mail.Error{Code: 452, Status: "4.5.3", Text: "Too many recipients"}
	errRelay         = &mail.Error{Code: 550, Status: "5.7.1", Text: "Relaying denied"}
	errLoginRequired = &mail.Error{Code: 530, Status: "5.7.0", Text: "Authentication required"}
)

func (s *session) rules() smtp.Rules {
	o := &s.srv.opts
	r := smtp.Rules{Loose: o.Loose, Extended: s.extended, DSN: o.DSN, Auth: s.mayLogin(), Hostname: o.Hostname}
	r.UTF8 = s.tx != nil && s.tx.mail.UTF8
	return r
}

func (s *session) mail(arg []byte) error {
	switch {
	case s.hello == "":
		return errHelloFirst
	case s.tx != nil:
		return errSequence
	}
	c, err := smtp.ParseMail(arg, s.rules())
	if err != nil {
		return err
	}
	if c.Size > s.srv.opts.MaxSize {
		return errSize
	}
	if err := s.srv.opts.Door.Ready(); err != nil {
		return err
	}
	s.tx = &transaction{mail: c}
	s.say("250 2.1.0 Ok")
	return nil
}

func (s *session) rcpt(arg []byte) error {
	switch tx := s.tx; {
	case tx == nil, tx.chunks:
		return errSequence
	case len(tx.recipients) >= s.srv.opts.MaxRecipients:
		return s.tooManyRecipients()
	}
	c, err := smtp.ParseRcpt(arg, s.rules())
	if err != nil {
		return err
	}
	role, err := s.roleOf(c.To)
	if err != nil {
		return err
	}
	if role != inject.Refused {
		s.tx.accepted++
	}
	s.tx.recipients = append(s.tx.recipients, inject.Recipient{To: c.To, Role: role,
		DSN: mail.DSN{Notify: c.Notify, ORcpt: c.ORcpt, Ret: s.tx.mail.Ret, EnvID: s.tx.mail.EnvID}})
	s.say("250 2.1.5 Ok")
	return nil
}

// overRecipients is how many times the limit a client may go beyond it.
const overRecipients = 10

// tooManyRecipients refuses one more, for a while without regarding it as an error: RFC 5321 section 4.5.3.1.10 lets clients
// send the rest in another transaction, and many find out about the limit by being refused one at a time.
func (s *session) tooManyRecipients() error {
	if s.tx.over++; s.tx.over > overRecipients*s.srv.opts.MaxRecipients {
		return errTooMany
	}
	if s.tx.over == 1 {
		s.noteRefusal(s.tx, smtp.Command{}, errRecipients)
	}
	s.fail(errRecipients)
	return nil
}

// roleOf decides where mail for a recipient goes (incoming-json.md section 4).
func (s *session) roleOf(to mail.Address) (inject.Role, error) {
	o := &s.srv.opts
	switch {
	case o.Locals != nil && o.Locals.Local(to):
		return inject.Local, nil
	case s.mayRelay():
		return inject.Inbox, nil
	case o.Door.Has(inject.Refused):
		return inject.Refused, nil
	}
	return 0, s.relayError()
}

// mayRelay says whether this client may send to anybody.
func (s *session) mayRelay() bool {
	if s.srv.opts.Login != nil {
		return s.secure && s.user != ""
	}
	return s.srv.opts.known(s.conn.remote.Addr())
}

func (s *session) relayError() *mail.Error {
	if s.srv.opts.Login != nil {
		return errLoginRequired
	}
	return errRelay
}

// reset ends the transaction, if there is one.
func (s *session) reset() {
	if s.tx != nil && s.tx.content != nil {
		s.tx.content.release()
	}
	s.tx = nil
}

// ips is the address that mail of this session leaves from (incoming-json.md section 5).
func (s *session) ips() []string {
	ip, o := s.conn.local.Addr(), &s.srv.opts
	if !ip.IsValid() || ip.IsLoopback() || ip.IsUnspecified() {
		return nil
	}
	switch {
	case len(o.Mappable)+len(o.Unmappable) > 0:
		if !contains(o.Mappable, ip) || contains(o.Unmappable, ip) {
			return nil
		}
	case o.Own != nil && !o.Own(ip): // that of a proxy in front: nothing could leave from it
		return nil
	}
	return []string{ip.String()}
}

func (s *session) origin() *inject.Connection {
	return &inject.Connection{
		LocalIP: ipString(s.conn.local), LocalPort: int(s.conn.local.Port()),
		RemoteIP: ipString(s.conn.remote), RemotePort: int(s.conn.remote.Port()),
		Secure: s.secure, User: s.user,
	}
}

func ipString(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.Addr().String()
}

// chunkReply says how much of a message is here.
func chunkReply(n int64) string { return fmt.Sprintf("250 2.0.0 %d octets received", n) }
