package smtpd

import (
	"strconv"

	"posthoorn/internal/smtp"
)

// greet answers HELO and EHLO, which also end a transaction (RFC 5321 section 4.1.4).
func (s *session) greet(c smtp.Command) error {
	if !smtp.ValidHello(c.Arg) {
		return errHelloName
	}
	if s.idle++; s.idle > idleCommands {
		if s.errors++; s.errors >= s.srv.opts.MaxErrors {
			return errTooMany
		}
	}
	s.reset()
	s.hello = string(c.Arg)
	s.extended = c.Verb == smtp.EHLO
	if !s.extended {
		s.say("250 " + s.srv.opts.Hostname)
		return nil
	}
	s.out = append(s.out, s.srv.ehlo...)
	if s.srv.tls != nil && !s.secure {
		s.say("250-STARTTLS")
	}
	if s.mayLogin() {
		s.say("250-AUTH " + s.mechanisms())
	}
	s.say("250 ENHANCEDSTATUSCODES")
	return nil
}

// appendExtensions writes the lines of the EHLO answer that are the same for everybody, all with more to follow.
func (s *Server) appendExtensions(dst []byte) []byte {
	line := func(text string) { dst = append(append(append(dst, "250-"...), text...), '\r', '\n') }
	line(s.opts.Hostname)
	line("PIPELINING")
	line("SIZE " + strconv.FormatInt(s.opts.MaxSize, 10))
	line("8BITMIME")
	line("SMTPUTF8")
	line("CHUNKING")
	line("LIMITS RCPTMAX=" + strconv.Itoa(s.opts.MaxRecipients))
	if s.opts.DSN {
		line("DSN")
	}
	return dst
}
