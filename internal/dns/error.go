package dns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// What a lookup can end in. They are compared with errors.Is; the error itself is an *Error.
var (
	ErrNoDomain  = errors.New("no such domain")                               // NXDOMAIN, or no name at all
	ErrNoAddress = errors.New("domain has no usable address")                 // NODATA
	ErrNullMX    = errors.New("domain does not accept mail (null MX)")        // RFC 7505
	ErrLocalOnly = errors.New("mail for this domain would come back to here") // loopback, own address or own name
	ErrTemporary = errors.New("domain cannot be looked up now")               // SERVFAIL, REFUSED, timeout, nonsense
)

// Error is a lookup that gave no answer, with the reply code it stands for.
type Error struct {
	Reason   error     // one of the five above
	Name     string    // the name looked up
	Code     int       // SMTP reply code
	Enhanced string    // enhanced status code (RFC 3463)
	Expires  time.Time // until when the same question gives the same answer; zero = ask again at will
	Cause    error     // what went wrong, for ErrTemporary
}

// Error names the domain, what is wrong with it, and the cause if there is one.
func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %v: %v", e.Name, e.Reason, e.Cause)
	}
	return fmt.Sprintf("%s: %v", e.Name, e.Reason)
}

// Unwrap gives errors.Is both the reason and the cause.
func (e *Error) Unwrap() []error { return []error{e.Reason, e.Cause} }

// Temporary says that it may be different next time.
func (e *Error) Temporary() bool { return e.Code/100 == 4 }

// Timeout says that no server answered at all: `dns`/`timeout` rather than `dns`/`error`.
func (e *Error) Timeout() bool {
	return errors.Is(e.Cause, os.ErrDeadlineExceeded) || errors.Is(e.Cause, context.DeadlineExceeded) || errors.Is(e.Cause, errCrowded)
}

// failure makes the Error for reason; the codes are those of results-json.md section 7, for a null MX of RFC 7505
// section 4, for local addresses of RFC 3463 (routing loop).
func failure(name string, reason error, expires time.Time) *Error {
	e := &Error{Reason: reason, Name: name, Code: 550, Enhanced: "5.4.4", Expires: expires}
	switch reason {
	case ErrNoDomain:
		e.Enhanced = "5.1.2"
	case ErrNullMX:
		e.Code, e.Enhanced = 556, "5.1.10"
	case ErrLocalOnly:
		e.Code, e.Enhanced = 554, "5.4.6"
	case ErrTemporary:
		e.Code, e.Enhanced = 451, "4.4.3"
	}
	return e
}

func temporary(name string, cause error) *Error {
	if e, ok := errors.AsType[*Error](cause); ok {
		return e
	}
	e := failure(name, ErrTemporary, time.Time{})
	e.Cause = cause
	return e
}
