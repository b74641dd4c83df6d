package deliver

import (
	"bytes"
	"errors"
	"os"
	"time"

	"posthoorn/internal/mail"
	"posthoorn/internal/smtp"
)

// Sizes for content on its way. A buffer holds what may be there before a piece is added, the piece with every byte
// doubled, and an envelope: it does not grow.
const (
	pieceSize  = 16 << 10
	flushSize  = 32 << 10
	bufferSize = flushSize + 2*pieceSize + 4<<10
)

// lastWords is how long a reply is waited for after the peer has cut off our content: it is usually there already.
const lastWords = 10 * time.Second

// content sends the content of j with the final dot, and with it the envelope of the next job if there is one that may go
// this way. It settles j and returns the next job if that goes on.
func (c *Conn) content(j *Job) (next *Job) {
	buf := c.client.buffers.Get().(*[]byte)
	next, dotOut, err := c.sendContent(j, buf)
	c.client.buffers.Put(buf)
	if err == nil && next != nil {
		c.wantAhead(2)
	}
	r := c.outcome(dotOut, err)
	if err != nil {
		c.dead = true
	}
	goOn := false
	if r == errorStopped {
		c.giveBack(j, Stopped)
	} else {
		goOn = c.attempted(j, r)
	}
	c.current, c.upcoming = next, nil
	if next == nil || !c.dead && goOn {
		return next
	}
	c.drop(next, r)
	return nil
}

// drop gives an offered job back.
func (c *Conn) drop(next *Job, r *mail.Result) {
	why := Gone
	switch {
	case r == errorStopped:
		why = Stopped
	case !c.dead:
		why = Held
	case r.Kind == mail.Invalid:
		why = Broken
	case r.Kind != mail.Timeout:
		c.hungUp()
	}
	c.dead, c.offered, c.current = true, false, nil
	c.giveBack(next, why)
}

// sendContent writes. DotOut says that the peer may have seen the final dot, from when on only its reply counts.
func (c *Conn) sendContent(j *Job, buf *[]byte) (next *Job, dotOut bool, err error) {
	var s smtp.Stuffer
	out := (*buf)[:0]
	for rest := j.body.Data; len(rest) > 0; {
		if len(out) >= flushSize {
			if _, err := c.write(out); err != nil {
				return nil, false, err
			}
			out = out[:0]
		}
		piece := pieceOf(rest)
		out, rest = s.Append(out, piece), rest[len(piece):]
	}
	out = s.Finish(out)
	dot := len(out)
	if next = c.offer(); next != nil {
		out = append(out, c.command.buf...)
	}
	c.showContent(j)
	c.enter(Waiting) // before the dot is out: who stops us is not to leave before its reply
	n, err := c.write(out)
	if n >= dot {
		c.data += int64(len(j.body.Data))
	}
	return next, n >= dot, err
}

// pieceOf is the beginning of the content, in whole lines if they are not too long.
func pieceOf(data []byte) []byte {
	if len(data) <= pieceSize {
		return data
	}
	data = data[:pieceSize]
	if i := bytes.LastIndexByte(data, '\n'); i > 0 {
		return data[:i+1]
	}
	return data
}

// offer picks the job whose envelope goes with the end of this content, if there is one that is ready.
func (c *Conn) offer() *Job {
	if !c.short() || c.worn(2) {
		return nil
	}
	j := c.inbox.take(true)
	if j == nil || !c.load(j) {
		return nil
	}
	c.offered, c.upcoming = true, j
	j.begun = c.client.now()
	c.client.metrics.offered.Inc()
	return j
}

// outcome is what becomes of a message whose content was sent, or was to be sent.
func (c *Conn) outcome(dotOut bool, err error) *mail.Result {
	if !dotOut {
		return c.cutOff(err)
	}
	reply, err := c.reply(c.dial.Timeouts.Dot, true)
	if err != nil {
		c.dead = true
		c.client.metrics.unanswered.Inc()
		if errors.Is(err, smtp.ErrReply) {
			c.outOfStep()
		}
		return c.trouble(mail.StateMessage, err)
	}
	if reply.Positive() {
		return c.answered(mail.StateMessage, mail.Accepted, reply)
	}
	return c.judge(mail.StateMessage, reply, false)
}

// cutOff is the outcome when the peer did not let us come to the final dot. A refusal that it gave for a farewell counts.
func (c *Conn) cutOff(err error) *mail.Result {
	c.dead = true
	switch {
	case errors.Is(err, errStopped):
		return errorStopped
	case errors.Is(err, os.ErrDeadlineExceeded):
		return c.trouble(mail.StateMessage, err)
	}
	reply, readErr := c.reply(lastWords, false)
	if readErr == nil && reply.Refusal() {
		return c.answered(mail.StateMessage, mail.Failed, reply)
	}
	return c.local(mail.StateMessage, mail.Lost, 451, "4.4.2")
}
