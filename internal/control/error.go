package control

import (
	"context"
	"errors"
	"fmt"

	"posthoorn/internal/mail"
)

// Exit codes that errors carry (operations.md section 1).
const (
	ExitUsage       = 64
	ExitData        = 65
	ExitUnavailable = 69
	ExitTemporary   = 75
)

// ErrNoDaemon: nobody listens on the socket.
var ErrNoDaemon = errors.New("no daemon is running")

// Error is why a command failed, and with which code the program ends. It travels over the sockets.
type Error struct {
	Exit  int    `json:"exit"`
	Text  string `json:"text"`
	cause error
}

func (e *Error) Error() string { return e.Text }

func (e *Error) Unwrap() error { return e.cause }

func usage(format string, args ...any) error {
	return &Error{Exit: ExitUsage, Text: fmt.Sprintf(format, args...)}
}

func badData(format string, args ...any) error {
	return &Error{Exit: ExitData, Text: fmt.Sprintf(format, args...)}
}

func temporary(err error, format string, args ...any) error {
	return &Error{Exit: ExitTemporary, Text: fmt.Sprintf(format, args...) + ": " + err.Error(), cause: err}
}

// Code is the exit code for an error of any kind: what an *Error says, 65 for mail that is refused for good, 75 for all else.
func Code(err error) int {
	var e *Error
	var m *mail.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.Exit
	case errors.As(err, &m) && !m.Temporary():
		return ExitData
	}
	return ExitTemporary
}

// public is the error as a client may see it.
func public(err error) *Error {
	var e *Error
	var m *mail.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &m):
		return &Error{Exit: Code(err), Text: fmt.Sprintf("%d %s %s", m.Code, m.Status, m.Text)}
	case errors.Is(err, context.Canceled):
		return &Error{Exit: ExitTemporary, Text: "the daemon is stopping"}
	}
	return &Error{Exit: ExitTemporary, Text: err.Error()}
}
