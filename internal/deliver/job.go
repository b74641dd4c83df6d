package deliver

import (
	"context"
	"errors"
	"time"

	"posthoorn/internal/mail"
)

// Job is one message for one recipient.
type Job struct {
	ID       uint64 // the caller's, for its own use
	Owner    any    // likewise
	Envelope mail.Envelope
	Force    bool // 8-bit content goes to a server that has not declared 8BITMIME
	Attempt  int  // number of this attempt, for the result
	// Body yields the content; the connection calls it in its own goroutine, once, when it is about to send MAIL. A
	// *mail.Error becomes the result, ErrUnready sends the job Back, any other error is a temporary result, a panic a final
	// one. The context ends when the connection is told to stop.
	Body func(context.Context) (Body, error)
	// Ready says that Body would answer at once. Nil: it always does. Only a job that is ready is offered with the
	// end of the message before.
	Ready func() bool

	body  Body
	begun time.Time // when MAIL went out; zero: it has not
}

// Begun is when the envelope went out; zero: it has not, as with a message that the peer cannot take. For Events.Done.
func (j *Job) Begun() time.Time { return j.begun }

// Body is content on its way out.
type Body struct {
	Data       []byte // lines that end with CR LF, not dot-stuffed; not kept after Release
	EightBit   bool   // some byte is above 127 (RFC 6152)
	UTF8Header bool   // some header field needs SMTPUTF8 (RFC 6532)
	Release    func() // called once when the connection is through with Data; may be nil
}

// ErrUnready is what Body says when it would take long: the connection had better take another job.
var ErrUnready = errors.New("content is not ready")

// Reason says why a job came back that was not attempted.
type Reason uint8

// The reasons.
const (
	Stopped Reason = iota + 1 // the context ended, or Close or Abort was called
	Gone                      // the connection ended, as a used one may at any time, before MAIL was answered
	Limited                   // the peer takes no more messages over one connection: Info.Limit says how many it took
	Held                      // Done said that the next message may not go on
	Broken                    // the peer got out of step before it answered MAIL
	Unready                   // Body said so
)

var reasonNames = [...]string{"", "stopped", "gone", "limited", "held", "broken", "unready"}

func (r Reason) String() string { return reasonNames[r] }

// Events hears what happens. Its methods are called from the goroutine of the connection, one after the other; they must
// not block and may call the methods of the connection. A connection ends with exactly one Failed or Closed, after which it
// has no job any more and calls nothing.
type Events interface {
	// Opened: the connection can carry messages.
	Opened(c *Conn)
	// Failed: no target could be used. There is a result for each that was tried (without Attempt), the last is decisive.
	// All are connection trouble, so what to do about a 5xx greeting or login is the caller's choice.
	Failed(c *Conn, results []mail.Result)
	// Want asks for one job: Give answers it, at once or later. Ahead means that another message is still on its way, and
	// the job is for the moment when its turn at the end of data comes. An unanswered Want that is repeated is still one.
	Want(c *Conn, ahead bool)
	// Done: j was attempted (or is refused by its own properties) and r is what came of it. False means that what r says
	// (a pause, a lower limit) forbids the next message too: one that was given goes Back, and the connection ends. Should
	// its envelope have been written with the end of j, the socket is closed without a byte of its body.
	Done(c *Conn, j *Job, r *mail.Result) bool
	// Back: j was given and not attempted.
	Back(c *Conn, j *Job, why Reason)
	// Closed: the connection is over.
	Closed(c *Conn)
}
