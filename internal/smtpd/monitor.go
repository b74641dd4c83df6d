package smtpd

import (
	"bytes"
	"fmt"

	"posthoorn/internal/monitor"
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

// showCommand shows what a client says. What belongs to a login is not shown.
func (s *session) showCommand(line []byte) {
	if !s.watched() {
		return
	}
	word := bytes.TrimLeft(line, " \t") // which is no command then, but as secret
	if word = word[:min(len(word), len("AUTH"))]; bytes.EqualFold(word, []byte("AUTH")) {
		line = []byte("AUTH …")
	}
	s.show(monitor.Them, line)
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
