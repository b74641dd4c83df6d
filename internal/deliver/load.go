package deliver

import (
	"errors"

	"posthoorn/internal/mail"
)

// load gets the content of a job and sees whether this peer can take it. False: the job is settled.
func (c *Conn) load(j *Job) bool {
	r, err := c.fetch(j)
	switch {
	case err != nil && c.ctx.Err() != nil && errors.Is(err, c.ctx.Err()):
		c.giveBack(j, Stopped)
		return false
	case errors.Is(err, ErrUnready):
		c.giveBack(j, Unready)
		return false
	case err != nil:
		r = c.bodyTrouble(err)
	case r == nil:
		r = c.unfit(j)
	}
	if r != nil {
		c.done(j, r)
		return false
	}
	return true
}

// fetch calls Body. A panic in it is the fault of the message: it shall not be tried for ever.
func (c *Conn) fetch(j *Job) (r *mail.Result, err error) {
	defer func() {
		if v := recover(); v != nil {
			c.client.log.Error("message handling failed", "job", j.ID, "error", recovered(v))
			r, err = c.local(mail.StateUnknown, mail.Failed, 554, "5.3.0"), nil
			r.Permanent = true
		}
	}()
	j.body, err = j.Body(c.ctx)
	return nil, err
}

func (j *Job) unload() {
	release := j.body.Release
	j.body = Body{}
	if release != nil {
		release()
	}
}

// bodyTrouble is the result for content that could not be had.
func (c *Conn) bodyTrouble(err error) *mail.Result {
	e, ok := errors.AsType[*mail.Error](err)
	if !ok {
		c.client.log.Warn("no content", "error", err)
		return c.local(mail.StateUnknown, mail.Failed, 451, "4.3.0")
	}
	r := c.local(e.State, e.Kind, e.Code, e.Status)
	if r.State == "" {
		r.State = mail.StateUnknown
	}
	if r.Kind == "" {
		r.Kind = mail.Failed
	}
	r.Permanent = !e.Temporary()
	return r
}

// unfit is the result for a message that the peer has said it cannot take; nothing is sent then. The codes are those of
// RFC 1870 section 6.1, RFC 6152 section 3 and RFC 6531 section 3.5.
func (c *Conn) unfit(j *Job) *mail.Result {
	switch {
	case c.ext.HasSize && c.ext.Size > 0 && int64(len(j.body.Data)) > c.ext.Size:
		return c.local(mail.StateMailFrom, mail.Failed, 552, "5.3.4")
	case j.needsUTF8() && !c.ext.UTF8:
		return c.local(mail.StateMailFrom, mail.Failed, 553, "5.6.7")
	case j.body.EightBit && !c.ext.EightBit && !j.Force:
		return c.local(mail.StateMailFrom, mail.Failed, 554, "5.6.3")
	case !c.compose(j):
		return c.unspeakable()
	}
	return nil
}

// needsUTF8 says that the message cannot travel without SMTPUTF8; domains alone go as A-labels.
func (j *Job) needsUTF8() bool {
	return j.body.UTF8Header || j.Envelope.From.NeedsUTF8() || j.Envelope.To.NeedsUTF8()
}
