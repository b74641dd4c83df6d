package fetch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
)

// What a download can end in. They are compared with errors.Is; the error itself is an *Error.
var (
	ErrForbidden = errors.New("this address must not be downloaded from") // final
	ErrRefused   = errors.New("the server does not give it")              // final
	ErrTooLarge  = errors.New("it is too large")                          // final
	ErrTimeout   = errors.New("it could not be got in time")              // temporary: result `timeout`
	ErrLost      = errors.New("the connection failed")                    // temporary: result `lost`
)

var (
	errNotURL    = errors.New("it is not the address of a web page")
	errScheme    = errors.New("only http and https are allowed")
	errRedirects = errors.New("too many redirects")
	errClosed    = errors.New("the program stops")
	errUnwanted  = errors.New("nobody waits for it any more")
)

// Error is a download that failed.
type Error struct {
	Reason error  // one of the five above
	URL    string // without user and fragment; empty: it could not be read
	Status int    // of the HTTP answer; 0: there was none, or it is not the reason
	Cause  error  // what went wrong; may be nil
}

// Error names the address, what is wrong with it, and the cause if there is one.
func (e *Error) Error() string {
	s := e.Reason.Error()
	if e.URL != "" {
		s = e.URL + ": " + s
	}
	if e.Status != 0 {
		s += fmt.Sprintf(" (status %d)", e.Status)
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap gives errors.Is both the reason and the cause.
func (e *Error) Unwrap() []error { return []error{e.Reason, e.Cause} }

// Temporary says that it may be different next time.
func (e *Error) Temporary() bool { return e.Reason == ErrTimeout || e.Reason == ErrLost }

// Timeout says whether a temporary error is `timeout` rather than `lost` in a result.
func (e *Error) Timeout() bool { return e.Reason == ErrTimeout }

// failure makes an *Error of what went wrong on the way.
func failure(address string, err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		e = &Error{e.Reason, address, e.Status, e.Cause}
		return e
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // it quotes the address, and we have that
	}
	e := &Error{Reason: ErrLost, URL: address, Cause: err}
	var slow interface{ Timeout() bool }
	_, lookup := errors.AsType[*lookupError](err)
	if lookup || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &slow) && slow.Timeout() {
		e.Reason = ErrTimeout
	}
	return e
}

func tooLarge(limit int64) error {
	return &Error{Reason: ErrTooLarge, Cause: fmt.Errorf("more than %d bytes", limit)}
}

// lookupError is a host whose addresses could not be found out, for whatever reason.
type lookupError struct {
	host string
	err  error
}

func (e *lookupError) Error() string {
	if d, ok := errors.AsType[*net.DNSError](e.err); ok {
		return "looking up " + e.host + ": " + d.Err
	}
	return "looking up " + e.host + ": " + e.err.Error()
}

func (e *lookupError) Unwrap() error { return e.err }
