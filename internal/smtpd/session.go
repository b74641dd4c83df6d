package smtpd

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime/debug"
	"time"

	"posthoorn/internal/mail"
	"posthoorn/internal/smtp"
)

// session is one client. Its goroutine is the only one that touches it.
type session struct {
	srv     *Server
	conn    *conn
	wire    net.Conn // conn, or TLS over it
	number  uint64   // for those who watch; 0: nobody has
	private bool     // there was a login or content: see showCommand
	secure  bool     // TLS, ended by us or by a peer that may say so
	reader  *smtp.ServerReader
	out     []byte // replies that were not sent yet
	mute    error  // why nothing can be sent any more; one reply lost would put all others in the wrong place

	hello    string // what the client called itself; empty before HELO
	extended bool   // it said EHLO
	user     string // after AUTH
	logins   wrongLogins
	errors   int
	refused  int // refusals of mail
	idle     int // commands since the last accepted message that move nothing on
	tx       *transaction

	// While data comes in, reads may not be silent for long; while a command does, they must keep to one moment. From the first
	// byte of a message to its last they must keep to a rate as well.
	deadline  time.Time
	asked     time.Time // when we began to wait for a command that moves something on
	wasIdle   int       // idle at that time
	since     time.Time // when the client came, or we took a message of it last
	greetBy   time.Time // when EHLO or HELO must have come
	inData    bool
	dataStart time.Time // zero: no message is coming in
	dataBytes int64
}

var (
	errStopping  = &mail.Error{Code: 421, Status: "4.3.2", Text: "Service is going down, try again later"}
	errSilence   = &mail.Error{Code: 421, Status: "4.4.2", Text: "Timeout, closing connection"}
	errTooMany   = &mail.Error{Code: 421, Status: "4.7.0", Text: "Too many errors, closing connection"}
	errLocal     = &mail.Error{Code: 421, Status: "4.3.0", Text: "Local error, closing connection"}
	errSequence  = &mail.Error{Code: 503, Status: "5.5.1", Text: "Bad sequence of commands"}
	errNoArgs    = &mail.Error{Code: 501, Status: "5.5.4", Text: "No argument expected"}
	errNotKnown  = &mail.Error{Code: 502, Status: "5.5.1", Text: "Command not implemented"}
	errNoUser    = &mail.Error{Code: 501, Status: "5.5.4", Text: "A user or an address is expected"}
	errHTTP      = &mail.Error{Code: 421, Status: "4.7.0", Text: "This is no web server, closing connection"}
	errHelloName = &mail.Error{Code: 501, Status: "5.5.4", Text: "A name or an address literal is expected"}
)

// errQuit ends a session in peace.
var errQuit = errors.New("quit")

const (
	writeTimeout = time.Minute
	greetTimeout = time.Minute // for EHLO or HELO
	holdTimeout  = time.Minute // for a command while there are chunks of a message in memory
	flushAt      = 4 << 10     // bytes of replies that are sent without waiting for the client to pause
	idleCommands = 100         // NOOP, RSET and the like that count as nothing
)

func newSession(srv *Server, c *conn) *session {
	s := &session{srv: srv, conn: c, wire: c.Conn, secure: c.secured, since: time.Now()}
	s.reader = smtp.NewServerReader(s)
	return s
}

// run is the life of the session, which may begin with a TLS handshake.
func (s *session) run(handshake bool) {
	s.srv.metrics.begun.Inc()
	s.srv.metrics.sessions.Inc()
	defer s.srv.metrics.sessions.Dec()
	defer s.reset()
	defer s.noteEnd()
	defer s.note("the session ends")
	s.note("a client has connected")
	defer func() {
		if r := recover(); r != nil {
			s.srv.opts.Log.Error("panic in an SMTP session", "peer", s.conn.remote.String(), "panic", r, "stack", string(debug.Stack()))
			s.sayLast(errLocal)
		}
	}()
	if handshake && s.handshake() != nil {
		return
	}
	s.greetBy = time.Now().Add(greetTimeout)
	s.out = append(append(append(s.out, "220 "...), s.srv.opts.Hostname...), " ESMTP Posthoorn\r\n"...)
	err := s.loop()
	switch {
	case errors.Is(err, errQuit):
		s.sayLast(nil)
	case isTimeout(err):
		s.sayLast(cmp.Or(s.conn.whyStopped(), errSilence))
	default:
		var e *mail.Error
		errors.As(err, &e)
		s.sayLast(e)
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// loop takes one command after the other. It ends with errQuit, a *mail.Error to be said, or an error of the connection.
func (s *session) loop() error {
	for {
		s.expect()
		line, err := s.reader.Line(smtp.MaxAuthLine)
		if err == nil {
			s.showCommand(line)
			err = s.command(line)
		}
		if s.mute != nil {
			return s.mute
		}
		var e *mail.Error
		switch {
		case err == nil:
		case !errors.As(err, &e) || e.Code == 421:
			return err
		default:
			s.fail(e)
			if s.count(e) {
				return errTooMany
			}
		}
	}
}

// count counts an error and says whether it was one too many. What we cannot do now is not the client's error, unless it goes
// on and on.
func (s *session) count(e *mail.Error) bool {
	if s.idle++; e.Code >= 500 || s.idle > idleCommands {
		s.errors++
	}
	return s.errors >= s.srv.opts.MaxErrors
}

// expect sets the moment by which the next line must be complete.
func (s *session) expect() {
	now := time.Now()
	s.deadline, s.inData = now.Add(s.srv.opts.Timeout), false
	if s.idle <= s.wasIdle || s.asked.IsZero() {
		s.asked = now
	}
	s.wasIdle = s.idle
	if s.tx == nil || s.tx.content == nil {
		s.dataStart = time.Time{}
	} else {
		s.deadline = earlier(s.deadline, now.Add(holdTimeout))
	}
	if s.hello == "" {
		s.deadline = earlier(s.deadline, s.greetBy)
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Read sends what was answered so far, since the client has nothing more to say without it, and reads from the connection.
func (s *session) Read(p []byte) (int, error) {
	if err := s.flush(); err != nil {
		return 0, err
	}
	if err := s.conn.limitRead(s.readUntil()); err != nil {
		return 0, err
	}
	s.conn.waiting.Store(s.waitingSince())
	n, err := s.wire.Read(p)
	s.conn.waiting.Store(ourTurn)
	s.dataBytes += int64(n)
	return n, err
}

// readUntil renews the deadline with the progress of data: it may not be silent for long, nor slower than the least rate once
// its first minute is over. Commands between chunks do not stop the clock.
func (s *session) readUntil() time.Time {
	until := s.deadline
	if s.inData {
		until = time.Now().Add(s.srv.opts.Timeout)
	}
	if s.dataStart.IsZero() {
		return until
	}
	return earlier(until, s.earned().Add(time.Minute))
}

// earned is until when the data that came would have taken at the least rate.
func (s *session) earned() time.Time { return s.dataStart.Add(s.timeFor(s.dataBytes)) }

// timeFor is how long so many bytes take at the least rate.
func (s *session) timeFor(n int64) time.Duration {
	return time.Duration(n) * time.Second / time.Duration(s.srv.opts.MinRate)
}

func (s *session) flush() error {
	if len(s.out) > 0 && s.mute == nil {
		s.showReplies()
		s.conn.limitWrite(writeTimeout)
		_, s.mute = s.wire.Write(s.out)
	}
	if s.out = s.out[:0]; cap(s.out) > 2*flushAt {
		s.out = nil
	}
	return s.mute
}

// sayLast sends what is left, and e if it is not nil.
func (s *session) sayLast(e *mail.Error) {
	if e != nil {
		s.fail(e)
	}
	if s.flush() != nil {
		return
	}
	if t, ok := s.wire.(*tls.Conn); ok {
		_ = t.CloseWrite()
	}
	if e != nil {
		s.linger()
	}
}

// linger reads for a moment what the client has sent meanwhile: closing a socket with unread bytes would make the client's
// system throw the last reply away.
func (s *session) linger() {
	const longest, most = time.Second, 256 << 10
	half, ok := s.conn.raw.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	_ = s.conn.raw.SetReadDeadline(time.Now().Add(longest))
	_, _ = io.CopyN(io.Discard, s.conn.raw, most)
}

// command does what one line asks for.
func (s *session) command(line []byte) error {
	c, err := smtp.ParseCommand(line)
	if err != nil {
		if isHTTP(line) {
			return errHTTP
		}
		return err
	}
	if len(line)+2 > smtp.MaxCommandLine && c.Verb != smtp.AUTH {
		return smtp.ErrLineTooLong
	}
	switch c.Verb {
	case smtp.EHLO, smtp.HELO:
		return s.greet(c)
	case smtp.MAIL:
		return s.noted(c, s.mail)
	case smtp.RCPT:
		return s.noted(c, s.rcpt)
	case smtp.DATA:
		return s.noted(c, s.data)
	case smtp.BDAT:
		return s.noted(c, s.bdat)
	case smtp.AUTH:
		return s.auth(c.Arg)
	case smtp.STARTTLS:
		return s.startTLS(c.Arg)
	}
	return s.small(c)
}

// isHTTP recognises the first line of a web request: a browser was made to speak to us by somebody whose commands would stand in
// its body.
func isHTTP(line []byte) bool { return bytes.Contains(line, []byte(" HTTP/")) }

// small does the commands that move nothing on. A client that sends only those is not served for ever.
func (s *session) small(c smtp.Command) error {
	if s.idle++; s.idle > idleCommands && c.Verb != smtp.QUIT {
		if s.errors++; s.errors >= s.srv.opts.MaxErrors {
			return errTooMany
		}
	}
	switch c.Verb {
	case smtp.RSET:
		if len(c.Arg) > 0 {
			return errNoArgs
		}
		s.reset()
		s.say("250 2.0.0 Ok")
	case smtp.NOOP:
		s.say("250 2.0.0 Ok")
	case smtp.VRFY:
		if len(c.Arg) == 0 {
			return errNoUser
		}
		s.say("252 2.5.0 Send some mail, I will try my best")
	case smtp.HELP:
		s.say("214 2.0.0 RFC 5321")
	case smtp.QUIT:
		if len(c.Arg) > 0 {
			return errNoArgs
		}
		s.say("221 2.0.0 Bye")
		return errQuit
	default:
		return errNotKnown
	}
	return nil
}

// say answers with one line.
func (s *session) say(line string) {
	s.out = append(append(s.out, line...), '\r', '\n')
	if len(s.out) > flushAt {
		_ = s.flush() // an error shows at the next command
	}
}

// fail answers with an error.
func (s *session) fail(e *mail.Error) {
	s.out = appendReply(s.out, e)
	s.srv.metrics.refusal(e, 1)
}

// appendReply writes an error as a reply line (RFC 2034). Its text may hold what a client sent: no control character leaves.
func appendReply(dst []byte, e *mail.Error) []byte {
	dst = append(dst, byte('0'+e.Code/100%10), byte('0'+e.Code/10%10), byte('0'+e.Code%10), ' ')
	dst = append(append(dst, e.Status...), ' ')
	for i := 0; i < min(len(e.Text), 400); i++ {
		if c := e.Text[i]; c >= ' ' && c < 0x7f {
			dst = append(dst, c)
		} else {
			dst = append(dst, '?')
		}
	}
	return append(dst, '\r', '\n')
}

// line reads a line that is no command: the client's side of AUTH.
func (s *session) line() ([]byte, error) {
	s.expect()
	line, err := s.reader.Line(smtp.MaxAuthLine)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return line, err
}
