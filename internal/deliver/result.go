package deliver

import (
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"posthoorn/internal/mail"
	"posthoorn/internal/smtp"
)

// session is what is known of the peer and of what went over the connection.
type session struct {
	target      Target
	number      uint64 // for those who watch
	odd         oddity
	ext         smtp.Extensions
	encrypted   bool
	localIP     string
	remote      string
	mta         string
	mechanism   string
	cipher      *mail.Cipher
	certificate *mail.Certificate
	messages    int
	data        int64     // bytes of content sent
	dead        bool      // nothing more can be said over the stream
	over        bool      // nothing more may be sent: Done said so
	reset       bool      // a transaction was begun and not ended
	offered     bool      // an envelope went with the end of the message before, and its MAIL has no answer
	current     *Job      // what is being carried
	upcoming    *Job      // what is offered with the end of it
	last        time.Time // when the last result came; zero: none has
}

// local is a result with codes that are ours; it has no description (results-json.md section 3).
func (c *Conn) local(state mail.State, kind mail.Kind, code int, status string) *mail.Result {
	return &mail.Result{
		State: state, Kind: kind, Time: c.client.now(), From: c.localIP, To: c.remote, MTA: c.mta, Messages: c.messages,
		Authentication: c.mechanism, Cipher: c.cipher, Certificate: c.certificate, Code: code, Status: status, DSN: c.ext.DSN,
		SentConnection: c.info.sent.Load(), SentData: c.data,
	}
}

// answered is a result with what the peer said.
func (c *Conn) answered(state mail.State, kind mail.Kind, r smtp.Reply) *mail.Result {
	res := c.local(state, kind, r.Code, r.Status())
	res.Description = r.Text()
	return res
}

// trouble is a result for a reply that did not come, or was none.
func (c *Conn) trouble(state mail.State, err error) *mail.Result {
	switch {
	case errors.Is(err, smtp.ErrReply):
		return c.invalid(state)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return c.local(state, mail.Timeout, 451, "4.4.2")
	}
	return c.local(state, mail.Lost, 451, "4.4.2")
}

// invalid is a result for an answer that makes no sense where it stands.
func (c *Conn) invalid(state mail.State) *mail.Result {
	return c.local(state, mail.Invalid, 451, "4.5.0")
}

// refused is a result for a reply that was not the one hoped for: a refusal, or nonsense.
func (c *Conn) refused(state mail.State, r smtp.Reply) *mail.Result {
	if r.Refusal() {
		return c.answered(state, mail.Failed, r)
	}
	return c.invalid(state)
}

// isLost says that the peer hung up.
func isLost(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE)
}
