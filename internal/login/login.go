// Package login says who may log in: whether a user and a password belong together, in all the ways that an auth string names
// (config.md section 3.15), and how often somebody may be wrong. It knows nothing of the protocol that asks.
//
// A Checker is one of these ways: Fixed (pairs in the configuration), File (hashes of crypt(3)), Web (a web server decides),
// Program (a program decides) and Directory (LDAP). A Guard stands before one and is what a door calls.
//
// Promises. An unknown user costs the same work as a wrong password. What is secret is compared in a time that tells nothing, and
// is in no log and no error. A checker that cannot say (file gone, server down, program killed) says so: it never counts as
// a no, so that clients try again later. An empty user or password is always wrong. Everything is bounded: time, answers, checks
// at the same time, memory of failures.
//
// RFCs: 7617 (Web), 4511 and 4514 (Directory).
//
// Goroutines: none that outlive a call, but for idle connections of Web, which Close ends.
package login

import (
	"context"
	"errors"
	"net/netip"
	"strings"
)

// Checker says whether a user and a password belong together.
type Checker interface {
	// Check may be called by many goroutines. An error means that this cannot be said now.
	Check(ctx context.Context, user, password string) (ok bool, err error)
}

// Secrets is a Checker that knows passwords in clear, which logins by challenge and response need.
type Secrets interface {
	// Secret is the password of a user. It takes the same time for users that do not exist.
	Secret(user string) (password string, ok bool)
}

// Try is one attempt to log in.
type Try struct {
	From     netip.Addr // of the client
	User     string
	Password string

	// Client is one that has logged in as this user before, and has shown so. It counts apart from all others of its address.
	Client string
	// Shared: the address is that of a proxy, so nobody from there can be told from others.
	Shared bool

	// Answer stands in place of the password when the client has only shown that it knows it. It says whether it did so for
	// this secret.
	Answer func(secret string) bool
}

// Errors of Guard.Check that are the client's fault. It should try again later.
var (
	ErrBlocked = errors.New("too many failed logins from this network") // nobody from there is listened to for some minutes
	ErrLater   = errors.New("too many failed logins of this account")
)

const maxText = 1024 // bytes of a user or a password: longer ones are wrong

// usable says that a user and a password may be asked for at all. A server would take an empty password for a login as nobody,
// and succeed (RFC 4513 section 5.1.2).
func usable(user, password string) bool {
	return user != "" && password != "" && len(user) <= maxText && len(password) <= maxText
}

// printable says that there is no control character, which would end a line of a protocol.
func printable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}
