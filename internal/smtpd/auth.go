package smtpd

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"unicode/utf8"

	"posthoorn/internal/login"
	"posthoorn/internal/mail"
)

// Authenticator checks logins. It is a *login.Guard.
type Authenticator interface {
	// Check says whether a try to log in is right; late, where it is not. An error means that this cannot be said now.
	Check(ctx context.Context, t login.Try) (ok bool, err error)
	// HasSecrets says that CRAM-MD5 is possible.
	HasSecrets() bool
}

const maxLogins = 3 // that fail, in a session

var (
	errAuthTLS       = &mail.Error{Code: 538, Status: "5.7.11", Text: "Encryption required for authentication"}
	errAuthOff       = &mail.Error{Code: 502, Status: "5.5.1", Text: "Authentication is not available"}
	errAuthMechanism = &mail.Error{Code: 504, Status: "5.5.4", Text: "Mechanism not known"}
	errAuthSyntax    = &mail.Error{Code: 501, Status: "5.5.2", Text: "Cannot decode response"}
	errAuthInitial   = &mail.Error{Code: 501, Status: "5.5.4", Text: "The mechanism begins with our challenge"}
	errAuthCancelled = &mail.Error{Code: 501, Status: "5.7.0", Text: "Authentication cancelled"}
	errAuthFailed    = &mail.Error{Code: 535, Status: "5.7.8", Text: "Authentication failed"}
	errAuthNow       = &mail.Error{Code: 454, Status: "4.7.0", Text: "Authentication is not possible at the moment"}
	errAuthLater     = &mail.Error{Code: 454, Status: "4.7.0", Text: "Too many failed logins, try again later"}
	errAuthBlocked   = &mail.Error{Code: 421, Status: "4.7.0", Text: "Too many failed logins from your network, try again later"}
	errAuthTooOften  = &mail.Error{Code: 421, Status: "4.7.0", Text: "Too many failed logins, closing connection"}
)

func (s *session) mayLogin() bool { return s.srv.opts.Login != nil && s.secure }

// mechanisms are those that can be offered.
func (s *session) mechanisms() string {
	if s.srv.opts.Login.HasSecrets() {
		return "PLAIN LOGIN CRAM-MD5"
	}
	return "PLAIN LOGIN"
}

// auth is the AUTH command with all its lines (RFC 4954 section 4).
func (s *session) auth(arg []byte) error {
	switch {
	case s.srv.opts.Login == nil:
		return errAuthOff
	case !s.secure:
		return errAuthTLS
	case !s.extended, s.user != "", s.tx != nil:
		return errSequence
	}
	mechanism, initial, _ := bytes.Cut(arg, []byte{' '})
	try, err := s.ask(strings.ToUpper(string(mechanism)), initial)
	if err != nil {
		return err
	}
	return s.checkLogin(try)
}

// ask gets from the client what its mechanism needs.
func (s *session) ask(mechanism string, initial []byte) (try login.Try, err error) {
	switch {
	case mechanism == "PLAIN":
		try.User, try.Password, err = s.plain(initial)
	case mechanism == "LOGIN":
		try.User, try.Password, err = s.login(initial)
	case mechanism == "CRAM-MD5" && s.srv.opts.Login.HasSecrets():
		try.User, try.Answer, err = s.cram(initial)
	default:
		err = errAuthMechanism
	}
	return try, err
}

func (s *session) checkLogin(try login.Try) error {
	try.From = s.conn.remote.Addr()
	ok, err := s.srv.opts.Login.Check(s.srv.open, try)
	switch {
	case errors.Is(err, login.ErrBlocked):
		return errAuthBlocked
	case errors.Is(err, login.ErrLater):
		return errAuthLater
	case err != nil:
		return errAuthNow
	case ok:
		s.user = try.User
		s.say("235 2.7.0 Authentication successful")
		return nil
	}
	s.srv.metrics.badLogins.Inc()
	if s.logins.add(&try) < maxLogins {
		return errAuthFailed
	}
	s.fail(errAuthFailed) // the answer to this try, before the end
	return errAuthTooOften
}

// wrongLogins counts those of a session. Some clients try every mechanism with the same password: that counts once for those that
// send it.
type wrongLogins struct {
	count int
	last  [sha256.Size]byte
}

func (w *wrongLogins) add(try *login.Try) int {
	hash := sha256.Sum256([]byte(try.User + "\x00" + try.Password))
	if hash != w.last || try.Answer != nil {
		w.count++
	}
	w.last = hash
	return w.count
}

// plain is RFC 4616: an authorization identity, which must be empty or the user, the user and the password.
func (s *session) plain(initial []byte) (user, password string, err error) {
	response, err := s.response(initial, "")
	if err != nil {
		return "", "", err
	}
	parts := strings.Split(response, "\x00")
	if len(parts) != 3 {
		return "", "", errAuthSyntax
	}
	if parts[0] != "" && parts[0] != parts[1] {
		return "", "", errAuthFailed
	}
	return parts[1], parts[2], nil
}

// login is the LOGIN mechanism, which has no RFC but many users.
func (s *session) login(initial []byte) (user, password string, err error) {
	if user, err = s.response(initial, "VXNlcm5hbWU6"); err != nil { // Username:
		return "", "", err
	}
	password, err = s.response(nil, "UGFzc3dvcmQ6") // Password:
	return user, password, err
}

// cram is CRAM-MD5 (RFC 2195): the client shows that it knows the password, with a digest over it and a challenge that nobody can
// know before.
func (s *session) cram(initial []byte) (user string, answer func(secret string) bool, err error) {
	if len(initial) > 0 {
		return "", nil, errAuthInitial
	}
	challenge := "<" + rand.Text() + "@" + s.srv.opts.Hostname + ">"
	response, err := s.response(nil, base64.StdEncoding.EncodeToString([]byte(challenge)))
	if err != nil {
		return "", nil, err
	}
	end := strings.LastIndexByte(response, ' ')
	if end < 0 {
		return "", nil, errAuthSyntax
	}
	digest, err := hex.DecodeString(response[end+1:])
	if err != nil || len(digest) != md5.Size {
		return "", nil, errAuthSyntax
	}
	return response[:end], func(secret string) bool {
		h := hmac.New(md5.New, []byte(secret))
		_, _ = h.Write([]byte(challenge))
		return hmac.Equal(h.Sum(nil), digest)
	}, nil
}

// response decodes what came with the command, or asks for it. "=" is an empty one; "*" gives up.
func (s *session) response(initial []byte, challenge string) (string, error) {
	if len(initial) == 0 {
		s.say("334 " + challenge)
		var err error
		if initial, err = s.line(); err != nil {
			return "", err
		}
		if string(initial) == "*" {
			return "", errAuthCancelled
		}
	} else if string(initial) == "=" {
		return "", nil
	}
	text, err := base64.StdEncoding.DecodeString(string(initial))
	if err != nil || !utf8.Valid(text) {
		return "", errAuthSyntax
	}
	return string(text), nil
}
