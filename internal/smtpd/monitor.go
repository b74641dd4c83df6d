package smtpd

import (
	"bytes"
	"fmt"

	"posthoorn/internal/monitor"
	"posthoorn/internal/smtp"
)

// watched says that somebody watches the traffic.
func (s *session) watched() bool { return s.srv.opts.Monitor.Watched() }

// show tells those who watch a line.
func (s *session) show(who monitor.Who, line []byte) {
	if s.number == 0 {
		s.number = s.srv.opts.Monitor.NewSession()
	}
	s.srv.opts.Monitor.Say(&monitor.Session{ID: s.number, Direction: monitor.In, Local: s.conn.local, Remote: s.conn.remote}, who, line)
}

func (s *session) note(format string, args ...any) {
	if s.watched() {
		s.show(monitor.Note, fmt.Appendf(nil, format, args...))
	}
}

// showCommand shows what a client says. What belongs to a login is not shown; nor, once there was a login or content, what is no
// command, since it may be the rest of either from a client that has not waited for our no.
func (s *session) showCommand(line []byte) {
	s.private = s.private || beginsSecret(line)
	switch {
	case !s.watched():
		return
	case bytes.EqualFold(firstFour(line), []byte("AUTH")):
		line = []byte("AUTH …")
	case s.private && !isCommand(line):
		line = fmt.Appendf(nil, "… (%d bytes)", len(line))
	}
	s.show(monitor.Them, line)
}

// beginsSecret says that content or a part of a login may follow, even if this is no good command.
func beginsSecret(line []byte) bool {
	verb := firstFour(line)
	return bytes.EqualFold(verb, []byte("AUTH")) || bytes.EqualFold(verb, []byte("DATA")) || bytes.EqualFold(verb, []byte("BDAT"))
}

func firstFour(line []byte) []byte {
	word := bytes.TrimLeft(line, " \t")
	return word[:min(len(word), 4)]
}

// isCommand is strict: it knows the lines that no text and no password looks like.
func isCommand(line []byte) bool {
	c, err := smtp.ParseCommand(line)
	switch {
	case err != nil:
		return false
	case c.Verb == smtp.MAIL:
		return hasPrefixFold(c.Arg, "FROM:")
	case c.Verb == smtp.RCPT:
		return hasPrefixFold(c.Arg, "TO:")
	case c.Verb == smtp.EHLO, c.Verb == smtp.HELO:
		return smtp.ValidHello(c.Arg)
	case c.Verb == smtp.BDAT:
		_, _, err = smtp.ParseBDAT(c.Arg)
		return err == nil
	}
	return len(c.Arg) == 0
}

func hasPrefixFold(s []byte, prefix string) bool {
	return len(s) >= len(prefix) && bytes.EqualFold(s[:len(prefix)], []byte(prefix))
}

// showReplies shows what is about to be sent. The questions of a login may have in them what the client said.
func (s *session) showReplies() {
	if !s.watched() {
		return
	}
	for line := range bytes.Lines(s.out) {
		s.show(monitor.Us, bytes.TrimRight(line, "\r\n"))
	}
}
