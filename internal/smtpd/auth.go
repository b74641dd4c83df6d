package smtpd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"
	"time"
	"unicode/utf8"

	"posthoorn/internal/mail"
)

// FixedLogin is the one login of smtp-username and smtp-password.
type FixedLogin struct{ User, Password string }

// Check compares in a time that tells nothing.
func (f FixedLogin) Check(_ context.Context, user, password string) (bool, error) {
	return same(user, f.User)&same(password, f.Password) == 1, nil
}

func same(a, b string) int {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:])
}

const (
	maxLogins  = 3 // that fail, in a session
	loginDelay = time.Second
)

var (
	errAuthTLS       = &mail.Error{Code: 538, Status: "5.7.11", Text: "Encryption required for authentication"}
	errAuthOff       = &mail.Error{Code: 502, Status: "5.5.1", Text: "Authentication is not available"}
	errAuthMechanism = &mail.Error{Code: 504, Status: "5.5.4", Text: "Mechanism not known"}
	errAuthSyntax    = &mail.Error{Code: 501, Status: "5.5.2", Text: "Cannot decode response"}
	errAuthCancelled = &mail.Error{Code: 501, Status: "5.7.0", Text: "Authentication cancelled"}
	errAuthFailed    = &mail.Error{Code: 535, Status: "5.7.8", Text: "Authentication failed"}
	errAuthNow       = &mail.Error{Code: 454, Status: "4.7.0", Text: "Authentication is not possible at the moment"}
	errAuthTooOften  = &mail.Error{Code: 421, Status: "4.7.0", Text: "Too many failed logins, closing connection"}
)

func (s *session) mayLogin() bool { return s.srv.opts.Login != nil && s.secure }

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
	var user, password string
	var err error
	switch strings.ToUpper(string(mechanism)) {
	case "PLAIN":
		user, password, err = s.plain(initial)
	case "LOGIN":
		user, password, err = s.login(initial)
	default:
		return errAuthMechanism
	}
	if err != nil {
		return err
	}
	return s.checkLogin(user, password)
}

func (s *session) checkLogin(user, password string) error {
	ok, err := s.srv.opts.Login.Check(s.srv.ctx, user, password)
	if err != nil {
		s.srv.opts.Log.Error("login cannot be checked", "peer", s.conn.remote.String(), "error", err)
		return errAuthNow
	}
	if ok && user != "" {
		s.user = user
		s.say("235 2.7.0 Authentication successful")
		return nil
	}
	s.srv.metrics.badLogins.Inc()
	if s.logins++; s.logins == 1 {
		s.srv.opts.Log.Warn("login failed", "peer", s.conn.remote.String(), "user", user[:min(len(user), 100)])
	}
	s.srv.wait(loginDelay)
	if s.logins >= maxLogins {
		return errAuthTooOften
	}
	return errAuthFailed
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
