// Package compose makes of what users hand over the message that goes out: it builds the MIME source of a mail that is described
// in JSON, merges the data of the recipient into the templates of a message, and has its style sheets inlined
// (reference/responsive-email.md, reference/personalization.md, reference/inline-css.md). It is pure: time, data and resources
// come in as arguments.
//
// Everything here returns the best that can be sent, also with an error: the parts at fault are as they came or, in a mail that
// is built, left out; the others are done. A message that says force goes out like that; any other one has failed.
package compose

import "posthoorn/internal/mail"

// Error is a fault of the message itself, which no retry heals.
type Error struct {
	State mail.State // where the message fails: personalize or rewrite
	Where string     // the field or part, such as "Subject" or "html 2"
	Err   error
}

// Error is for the log: html, line 14 col 9: missing {/if}.
func (e *Error) Error() string { return e.Where + ", " + e.Err.Error() }

// Unwrap is the reason.
func (e *Error) Unwrap() error { return e.Err }
