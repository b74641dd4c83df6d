package mail

import "fmt"

// Error is anything that ends in an SMTP reply or in a result: it knows its codes, and the text that may be shown.
type Error struct {
	Code   int    // SMTP reply code (RFC 5321 section 4.2)
	Status string // enhanced code (RFC 3463), such as 5.6.0
	Text   string // public: one line, gives nothing away
	State  State  // where it happened, when it ends an attempt
	Kind   Kind   // empty: Failed
	Cause  error  // for the log
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%d %s %s: %v", e.Code, e.Status, e.Text, e.Cause)
	}
	return fmt.Sprintf("%d %s %s", e.Code, e.Status, e.Text)
}

func (e *Error) Unwrap() error { return e.Cause }

// Temporary says that trying again may help.
func (e *Error) Temporary() bool { return e.Code < 500 }
