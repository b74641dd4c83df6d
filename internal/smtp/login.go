package smtp

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
)

// Mechanisms is a set of ways to log in.
type Mechanisms uint8

// The ways that a client knows.
const (
	Plain   Mechanisms = 1 << iota // RFC 4616
	Login                          // never standardised, widely used
	CRAMMD5                        // RFC 2195
)

// String is the name of a single mechanism.
func (m Mechanisms) String() string {
	switch m {
	case Plain:
		return "PLAIN"
	case Login:
		return "LOGIN"
	case CRAMMD5:
		return "CRAM-MD5"
	}
	return ""
}

// Choose picks the mechanism to use of those offered: over a connection that others may read, the one that does not show
// the password first. 0: none is known.
func (m Mechanisms) Choose(encrypted bool) Mechanisms {
	order := [...]Mechanisms{CRAMMD5, Plain, Login}
	if encrypted {
		order = [...]Mechanisms{Plain, Login, CRAMMD5}
	}
	for _, one := range order {
		if m&one != 0 {
			return one
		}
	}
	return 0
}

func parseMechanisms(upper []byte) (m Mechanisms) {
	for word := range bytes.FieldsSeq(upper) {
		switch string(word) {
		case "PLAIN":
			m |= Plain
		case "LOGIN":
			m |= Login
		case "CRAM-MD5":
			m |= CRAMMD5
		}
	}
	return m
}

// maxChallenge bounds what a server may ask (RFC 4954 section 4).
const maxChallenge = 12288

// PlainResponse is the only message of PLAIN, in base64.
func PlainResponse(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password))
}

// LoginResponse is a user name or a password for LOGIN, in base64. What the server calls its questions does not matter.
func LoginResponse(word string) string { return base64.StdEncoding.EncodeToString([]byte(word)) }

// CRAMResponse answers the challenge of CRAM-MD5 that came with a 334, in base64.
func CRAMResponse(challenge Reply, user, password string) (string, error) {
	if len(challenge.text) > maxChallenge {
		return "", ErrReply
	}
	text, err := base64.StdEncoding.AppendDecode(nil, bytes.TrimSpace(challenge.text))
	if err != nil {
		return "", ErrReply
	}
	mac := hmac.New(md5.New, []byte(password))
	mac.Write(text)
	digest := hex.AppendEncode([]byte(user+" "), mac.Sum(nil))
	return base64.StdEncoding.EncodeToString(digest), nil
}
