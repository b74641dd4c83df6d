package smtpd

import (
	"crypto/tls"
	"log/slog"
	"time"

	"posthoorn/internal/mail"
)

const handshakeTimeout = time.Minute

var (
	errNoTLS    = &mail.Error{Code: 502, Status: "5.5.1", Text: "TLS is not available"}
	errIsTLS    = &mail.Error{Code: 503, Status: "5.5.1", Text: "TLS is active already"}
	errInjected = &mail.Error{Code: 421, Status: "4.7.0", Text: "Nothing may be sent with STARTTLS, closing connection"}
)

// startTLS changes to TLS (RFC 3207). What the client sent along with the command was not protected: it ends the session
// (CVE-2011-0411). So does a handshake that fails. All that was said before is forgotten.
func (s *session) startTLS(arg []byte) error {
	switch {
	case len(arg) > 0:
		return errNoArgs
	case s.secure:
		return errIsTLS
	case s.srv.tls == nil:
		return errNoTLS
	case s.reader.Buffered() > 0:
		return errInjected
	}
	s.say("220 2.0.0 Ready to start TLS")
	if err := s.flush(); err != nil {
		return err
	}
	if err := s.handshake(); err != nil {
		return err
	}
	s.reset()
	s.reader.Forget(s)
	s.hello, s.extended, s.user = "", false, ""
	s.greetBy = time.Now().Add(greetTimeout)
	return nil
}

// handshake starts TLS on the connection.
func (s *session) handshake() error {
	if err := s.conn.limitRead(time.Now().Add(handshakeTimeout)); err != nil {
		return err
	}
	s.conn.waiting.Store(time.Now().UnixNano())
	s.conn.limitWrite(handshakeTimeout)
	t := tls.Server(s.conn.Conn, s.srv.tls)
	if err := t.HandshakeContext(s.srv.ctx); err != nil {
		s.srv.metrics.handshakes.WithLabelValues("failed").Inc()
		s.srv.noteAt(slog.LevelInfo, "TLS handshake failed", "peer", s.conn.remote.String(), "error", err)
		return errHandshake
	}
	s.srv.metrics.handshakes.WithLabelValues("ok").Inc()
	s.wire, s.secure = t, true
	s.note("TLS is active")
	return nil
}
