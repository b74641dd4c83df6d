package deliver

import (
	"errors"
	"os"
	"time"

	"posthoorn/internal/mail"
)

// serve sends messages until there is a reason to end, and ends the connection.
func (c *Conn) serve() {
	defer c.end()
	c.enter(Idle)
	c.events.Opened(c)
	for !c.dead && !c.over {
		j := c.pick()
		if j == nil {
			break
		}
		since := time.Now()
		if c.load(j) && (time.Since(since) < slowBody || c.there(j)) {
			c.transact(j)
		}
	}
}

// end gives back what was not begun and closes the socket. A panic on the way here fails the message in hand and no other.
func (c *Conn) end() {
	if v := recover(); v != nil {
		c.client.log.Error("connection handling failed", "remote", c.remote, "error", recovered(v))
		c.abandon()
	}
	why := Gone
	switch {
	case c.inbox.ending():
		why = Stopped
	case c.over:
		why = Held
	}
	if j := c.inbox.finish(); j != nil {
		c.giveBack(j, why)
	}
	c.hangUp()
}

// transact carries a message, and those whose envelopes go with the end of the one before.
func (c *Conn) transact(j *Job) {
	c.current = j
	if c.inbox.ending() { // while its content was fetched
		c.giveBack(j, Stopped)
		return
	}
	for ok := c.begin(j) && c.answers(j); ok; ok = c.answers(j) {
		if j = c.content(j); j == nil {
			break
		}
	}
	c.current = nil
}

// pick waits for a job; nil when the connection shall end.
func (c *Conn) pick() *Job {
	for !c.worn(1) {
		if j := c.inbox.take(false); j != nil {
			return j
		}
		c.enter(Idle)
		if c.inbox.want() {
			c.events.Want(c, false)
		}
		if c.inbox.sleep(c.dial.Timeouts.Idle) && !c.listen() {
			return nil
		}
		if c.inbox.ending() {
			return nil
		}
	}
	return nil
}

// there looks at a peer that had to wait while content was fetched. False: it spoke or hung up, and the job is settled.
func (c *Conn) there(j *Job) bool {
	var err error
	if c.link.replies.Buffered() == 0 {
		err = c.link.peek(glance)
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, errStopped):
		return true
	case c.messages > 0:
		c.giveBack(j, Gone)
	case err == nil:
		c.done(j, c.invalid(mail.StateStorage))
	default:
		c.done(j, c.trouble(mail.StateStorage, err))
	}
	c.dead = true
	return false
}

// Fetching that took longer than slowBody makes us look at the peer, for as long as a glance.
const (
	slowBody = 100 * time.Millisecond
	glance   = time.Millisecond
)

// worn says that the peer does not take n more messages than those that are settled.
func (c *Conn) worn(n int) bool {
	limit := int(c.info.limit.Load())
	return limit > 0 && c.messages+n > limit
}

// listen notices what the peer does while nothing is asked of it; true when it was ended by one of ours. A peer that speaks
// or hangs up is gone: what it says is not about any message.
func (c *Conn) listen() bool {
	var one [1]byte
	n, err := c.link.replies.Buffered(), error(nil)
	if n == 0 {
		n, err = c.link.nc.Read(one[:])
	}
	asked := c.inbox.awake()
	if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		c.dead = true
		return false
	}
	return asked
}

// wantAhead asks for the next job while n are on their way, where it could go with the end of the last.
func (c *Conn) wantAhead(n int) {
	if c.short() && !c.worn(n+1) && c.inbox.want() {
		c.events.Want(c, true)
	}
}

// short says that the next envelope may go with the end of a message.
func (c *Conn) short() bool { return c.ext.Pipelining && !c.odd.plain }

// hangUp says QUIT, if the peer is in a state to hear it, and closes the socket. The answer is not important.
func (c *Conn) hangUp() {
	c.enter(Closing)
	c.note("connection ends after %d messages", c.messages)
	if c.dead {
		c.cutSocket()
		return
	}
	if c.inbox.farewell(c.link.nc, c.dial.Timeouts.Quit) {
		if n, err := c.link.nc.Write([]byte("QUIT\r\n")); err == nil {
			c.info.sent.Add(int64(n))
			var last [128]byte
			_, _ = c.link.nc.Read(last[:])
		}
	}
	_ = c.link.nc.Close()
}

// cutSocket closes without a word: even the farewell of TLS could be waited for.
func (c *Conn) cutSocket() { _ = c.inbox.nc.Close() }

// done tells what came of a job; false when the next must not go on. Then the connection ends: the owner may be giving it one at
// this moment.
func (c *Conn) done(j *Job, r *mail.Result) bool {
	c.settled(j)
	r.Attempt = j.Attempt
	if m := c.client.metrics.attempts[r.Kind]; m != nil {
		m.Inc()
	}
	c.measure(j, r.Time)
	goOn := c.events.Done(c, j, r)
	c.over = c.over || !goOn
	return goOn
}

// measure counts how long an attempt took. An envelope that went out with the end of the message before had to wait for the reply to
// that one.
func (c *Conn) measure(j *Job, end time.Time) {
	if !j.begun.IsZero() {
		begun := j.begun
		if c.last.After(begun) {
			begun = c.last
		}
		c.client.metrics.seconds.Observe(end.Sub(begun).Seconds())
	}
	c.last = end
}

// attempted is done for a job of which the peer has heard.
func (c *Conn) attempted(j *Job, r *mail.Result) bool {
	c.messages++
	c.info.messages.Store(int64(c.messages))
	r.Messages = c.messages
	return c.done(j, r)
}

// settled lets go of a job that is about to be reported.
func (c *Conn) settled(j *Job) {
	if c.current == j {
		c.current = nil
	}
	j.unload()
}

// giveBack returns a job that was not attempted.
func (c *Conn) giveBack(j *Job, why Reason) {
	c.settled(j)
	c.client.metrics.back[why].Inc()
	c.events.Back(c, j, why)
}

// abandon settles what was in hand when the program failed, so that it fails only this message.
func (c *Conn) abandon() {
	c.dead = true
	if j := c.upcoming; j != nil {
		c.upcoming = nil
		c.giveBack(j, Stopped)
	}
	if j := c.current; j != nil {
		r := c.local(mail.StateUnknown, mail.Failed, 554, "5.3.0")
		r.Permanent = true
		c.done(j, r)
	}
}
