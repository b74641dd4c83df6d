package smtpd

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"posthoorn/internal/inject"
	"posthoorn/internal/mail"
	"posthoorn/internal/smtp"
)

// What is refused is in the log, one line for each refusal with what the client asked for and what it heard. Clients cannot make us
// write without end: of a session only the first lines are written and how many more there were, of all of them so many a second.
const (
	sessionNotes = 10
	noteBurst    = 200
	notesASecond = 20
	noteText     = 300 // bytes of what a client sent
)

// notes bounds the lines that all clients together can cause.
type notes struct {
	mu     sync.Mutex
	tokens float64
	filled time.Time // zero: never used
	left   int       // lines that were not written
}

// take says whether a line may be written now, and how many were not since the last one.
func (n *notes) take(now time.Time) (left int, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.filled.IsZero() {
		n.tokens = noteBurst
	} else {
		n.tokens = min(noteBurst, n.tokens+now.Sub(n.filled).Seconds()*notesASecond)
	}
	n.filled = now
	if n.tokens < 1 {
		n.left++
		return 0, false
	}
	n.tokens--
	left, n.left = n.left, 0
	return left, true
}

// note writes a line about a client.
func (s *Server) note(text string, about ...any) { s.noteAt(slog.LevelWarn, text, about...) }

func (s *Server) noteAt(level slog.Level, text string, about ...any) {
	left, ok := s.notes.take(time.Now())
	if !ok {
		return
	}
	if left > 0 {
		about = append(about, "unlogged", left)
	}
	s.opts.Log.Log(context.Background(), level, text, about...)
}

// noteTurnedAway tells of a client that had no session.
func (s *Server) noteTurnedAway(c *conn, why *mail.Error) {
	s.note("connection refused", "peer", c.remote.String(), "reply", replyText(why))
}

// noted runs a command of a transaction and tells of its refusal.
func (s *session) noted(c smtp.Command, do func(arg []byte) error) error {
	tx := s.tx // over, when the command is DATA
	err := do(c.Arg)
	if e, ok := errors.AsType[*mail.Error](err); ok && e.Code != errSequence.Code {
		s.noteRefusal(tx, c, e)
	}
	return err
}

// noteRefusal tells of a command that was refused. What cannot be done at the moment stands in the log already, where it was found
// out.
func (s *session) noteRefusal(tx *transaction, c smtp.Command, e *mail.Error) {
	if e.Code < 500 && e.Cause != nil {
		return
	}
	if s.refused++; s.refused > sessionNotes {
		return
	}
	about := []any{"peer", s.conn.remote.String(), "helo", clip(s.hello)}
	if s.user != "" {
		about = append(about, "user", clip(s.user))
	}
	switch {
	case c.Verb == smtp.MAIL:
		about = append(about, "envelope", pathOf(c.Arg))
	case tx != nil:
		about = append(about, "envelope", tx.mail.From.String())
	}
	switch {
	case c.Verb == smtp.RCPT:
		about = append(about, "recipient", pathOf(c.Arg))
	case tx != nil && len(tx.recipients) > 0:
		about = append(about, "recipient", tx.recipients[0].To.String(), "recipients", len(tx.recipients))
	}
	s.srv.note("mail refused", append(about, "reply", replyText(e))...)
}

// notePartly tells of recipients that were refused although their client heard 250: their copies are in the refused queue.
func (s *session) notePartly(tx *transaction) {
	refused := len(tx.recipients) - tx.accepted
	if refused == 0 {
		return
	}
	i := 0
	for tx.recipients[i].Role != inject.Refused {
		i++
	}
	if s.refused++; s.refused > sessionNotes {
		return
	}
	s.srv.note("mail refused for some recipients", "peer", s.conn.remote.String(), "helo", clip(s.hello), "envelope", tx.mail.From.String(),
		"recipient", tx.recipients[i].To.String(), "recipients", refused, "accepted", tx.accepted)
}

// noteEnd tells how many refusals of a session are not in the log.
func (s *session) noteEnd() {
	if s.refused > sessionNotes {
		s.srv.note("more was refused in the same session", "peer", s.conn.remote.String(), "helo", clip(s.hello), "times", s.refused-sessionNotes)
	}
}

// pathOf is what stands between the angle brackets of an argument, or all of it.
func pathOf(arg []byte) string {
	from, to := bytes.IndexByte(arg, '<'), bytes.LastIndexByte(arg, '>')
	if from >= 0 && to > from {
		arg = arg[from+1 : to]
	}
	return clip(string(arg))
}

func clip(s string) string { return s[:min(len(s), noteText)] }

// replyText is a reply without its line end.
func replyText(e *mail.Error) string {
	return strconv.Itoa(e.Code) + " " + e.Status + " " + e.Text
}
