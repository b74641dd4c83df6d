package deliver

import (
	"errors"
	"os"
	"time"

	"posthoorn/internal/mail"
	"posthoorn/internal/smtp"
)

// begin sends the envelope of a job, as one group where the peer takes that. False: the job is settled.
func (c *Conn) begin(j *Job) bool {
	c.enter(MailFrom)
	j.begun = c.client.now()
	if c.link.replies.Buffered() > 0 {
		return c.unheard(j, smtp.ErrReply)
	}
	if !c.ext.Pipelining {
		return true
	}
	group := c.command.buf
	if c.reset {
		group = append([]byte("RSET\r\n"), group...)
	}
	if _, err := c.speak(group); err != nil {
		return c.unheard(j, err)
	}
	c.wantAhead(1)
	return true
}

// unheard settles a job whose MAIL has no answer. On a used connection it was not attempted: that the peer hangs up between
// messages says nothing about the next.
func (c *Conn) unheard(j *Job, err error) bool {
	c.dead = true
	switch {
	case errors.Is(err, errStopped):
		c.giveBack(j, Stopped)
	case c.messages == 0 || errors.Is(err, os.ErrDeadlineExceeded):
		c.attempted(j, c.trouble(mail.StateMailFrom, err))
	case errors.Is(err, smtp.ErrReply):
		c.outOfStep()
		c.giveBack(j, Broken)
	default:
		c.hungUp()
		c.giveBack(j, Gone)
	}
	return false
}

// outOfStep hangs up on a peer whose replies do not fit the commands, and remembers it.
func (c *Conn) outOfStep() {
	c.dead, c.odd.plain = true, true
	c.client.peers.outOfStep(c.target.Addr, c.client.now())
}

// hungUp remembers a peer that left an offered envelope without an answer.
func (c *Conn) hungUp() {
	if c.offered {
		c.offered = false
		c.client.peers.hungUp(c.target.Addr, c.client.now())
	}
}

// hear returns the reply to one command of an envelope. Without PIPELINING the command is sent only now.
func (c *Conn) hear(p Phase, command []byte, wait time.Duration) (smtp.Reply, error) {
	c.enter(p)
	if !c.ext.Pipelining {
		if c.link.replies.Buffered() > 0 { // an answer to nothing
			return smtp.Reply{}, smtp.ErrReply
		}
		if _, err := c.speak(command); err != nil {
			return smtp.Reply{}, err
		}
	}
	return c.reply(wait, false)
}

// answers hears the replies to an envelope, in the order of its commands, all before it judges: a reply too many shows only
// in those that come after it (RFC 2920 section 3.1). True: the peer waits for the content of j.
func (c *Conn) answers(j *Job) bool {
	if c.reset && !c.answerReset(j) {
		return false
	}
	r, ok := c.answerMail(j)
	if !ok {
		return false
	}
	refused := r
	if c.more(r) {
		r = c.answerRcpt(r)
	}
	if c.more(r) {
		r = c.answerData(r, refused != nil)
	}
	switch {
	case r == errorStopped:
		c.dead = true
		c.giveBack(j, Stopped)
	case r != nil:
		c.attempted(j, r)
	}
	return r == nil
}

// more says that another reply is due, given what the ones before say.
func (c *Conn) more(r *mail.Result) bool { return r == nil || c.ext.Pipelining && !c.dead }

// answerReset takes the reply to RSET. A peer that cannot forget is of no more use.
func (c *Conn) answerReset(j *Job) bool {
	reply, err := c.hear(MailFrom, []byte("RSET\r\n"), c.dial.Timeouts.Hello)
	switch {
	case err != nil:
		return c.unheard(j, err)
	case reply.Code == 421:
		c.dead = true
		c.giveBack(j, Gone)
		return false
	case !reply.Positive():
		c.outOfStep()
		c.giveBack(j, Broken)
		return false
	}
	c.reset = false
	return true
}

// answerMail takes the reply to MAIL. False: the job is settled. A 421 on a used connection is the peer's limit for a
// session, which is learned where no pause could be the reason.
func (c *Conn) answerMail(j *Job) (*mail.Result, bool) {
	reply, err := c.hear(MailFrom, c.command.buf[:c.command.mail], c.dial.Timeouts.Mail)
	offered := c.offered
	switch {
	case err != nil:
		return nil, c.unheard(j, err)
	case reply.Code == 421 && c.messages > 0:
		c.dead, c.offered = true, false
		if offered {
			c.client.peers.limited(c.target.Addr, c.client.now(), c.messages)
			c.limit(c.messages)
		}
		c.giveBack(j, Limited)
		return nil, false
	}
	c.offered = false
	return c.judge(mail.StateMailFrom, reply, reply.Positive()), true
}

// judge is the result for a reply that was not the one hoped for.
func (c *Conn) judge(state mail.State, reply smtp.Reply, good bool) *mail.Result {
	switch {
	case good:
		return nil
	case !reply.Refusal():
		c.outOfStep()
	case reply.Code == 421: // the peer is about to hang up (RFC 5321 section 3.8)
		c.dead = true
	}
	return c.refused(state, reply)
}

// answerRcpt takes the reply to RCPT; before is the refusal of MAIL, which must be followed by others.
func (c *Conn) answerRcpt(before *mail.Result) *mail.Result {
	reply, err := c.hear(RcptTo, c.command.buf[c.command.mail:c.command.rcpt], c.dial.Timeouts.Rcpt)
	switch {
	case err != nil:
		return c.cut(before, mail.StateRcptTo, err)
	case before != nil && !reply.Refusal():
		return c.botched()
	case before != nil:
		c.dead = c.dead || reply.Code == 421
		return before
	}
	c.reset = true
	return c.judge(mail.StateRcptTo, reply, reply.Positive())
}

// answerData takes the reply to DATA; before is the refusal of MAIL or RCPT.
func (c *Conn) answerData(before *mail.Result, mailRefused bool) *mail.Result {
	reply, err := c.hear(Data, c.command.buf[c.command.rcpt:], c.dial.Timeouts.Data)
	switch {
	case err != nil:
		return c.cut(before, mail.StateData, err)
	case c.link.replies.Buffered() > 0:
		return c.botched()
	case before == nil && reply.Code == 354:
		c.reset = false
		return nil
	case before == nil:
		return c.confirm(c.judge(mail.StateData, reply, false))
	case reply.Code == 354 && !mailRefused:
		return c.loneDot(before)
	case !reply.Refusal():
		return c.botched()
	}
	c.dead = c.dead || reply.Code == 421
	return before
}

// confirm makes sure that a refusal of DATA after an accepted recipient, which is rare, is not a reply too many with the true
// one still to come: RSET must be answered well at once.
func (c *Conn) confirm(refusal *mail.Result) *mail.Result {
	if c.dead || !c.ext.Pipelining {
		return refusal
	}
	_, err := c.speak([]byte("RSET\r\n"))
	var reply smtp.Reply
	if err == nil {
		reply, err = c.reply(c.dial.Timeouts.Hello, false)
	}
	switch {
	case err != nil && (isLost(err) || errors.Is(err, errStopped)):
		c.dead = true
	case err != nil || !reply.Positive() || c.link.replies.Buffered() > 0:
		return c.botched()
	default:
		c.reset = false
	}
	return refusal
}

// cut is what becomes of a message when the peer falls silent or hangs up after it has answered MAIL. A refusal that was
// heard stands.
func (c *Conn) cut(before *mail.Result, state mail.State, err error) *mail.Result {
	c.dead = true
	switch {
	case before != nil:
		return before
	case errors.Is(err, errStopped):
		return errorStopped
	case errors.Is(err, smtp.ErrReply):
		c.outOfStep()
	}
	return c.trouble(state, err)
}

// errorStopped stands for no result at all.
var errorStopped = new(mail.Result)

// botched is the result when it is not known which reply belongs to what.
func (c *Conn) botched() *mail.Result {
	c.outOfStep()
	return c.invalid(mail.StateUnknown)
}

// loneDot ends the content that a peer waits for though it has refused the recipient (RFC 2920 section 3.1). Its answer is
// part of the refusal.
func (c *Conn) loneDot(refusal *mail.Result) *mail.Result {
	_, err := c.speak([]byte(".\r\n"))
	if err == nil {
		var reply smtp.Reply
		reply, err = c.reply(c.dial.Timeouts.Dot, false)
		c.dead = reply.Code == 421
	}
	if err != nil || c.link.replies.Buffered() > 0 {
		c.dead = true
	}
	return refusal
}
