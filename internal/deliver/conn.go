package deliver

import (
	"context"
	"net"
	"sync"
	"time"
)

// Conn is one connection. Its exported methods may be called from any goroutine and never block.
type Conn struct {
	ID      uint64 // of its Dial
	client  *Client
	dial    Dial
	events  Events
	ctx     context.Context
	cancel  context.CancelFunc
	info    info
	inbox   inbox
	link    link
	command command
	session
}

// inbox is where others speak to the goroutine of a connection.
type inbox struct {
	mu     sync.Mutex
	wanted bool // a Want is unanswered
	job    *Job // given, not yet taken
	over   bool // nothing is taken any more

	closing bool // Close was called
	stopped bool // the context ended: nothing may be sent but what follows a final dot
	aborted bool // Abort was called: nothing may be waited for

	// How the goroutine waits, so that it can be woken.
	nc       net.Conn
	idle     bool // it reads only to notice that the peer speaks or hangs up
	afterDot bool // it waits for the reply to a final dot
}

// past is a deadline that wakes whoever waits.
var past = time.Unix(1, 0)

// stopGrace is how long a reply to a final dot is waited for after the context ended.
const stopGrace = time.Minute

// Give hands over the job that a Want asked for. False: none is wanted (any more), and j stays the caller's.
func (c *Conn) Give(j *Job) bool {
	b := &c.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.wanted || b.over || b.closing || b.stopped || b.aborted {
		return false
	}
	b.wanted, b.job = false, j
	b.wake()
	return true
}

// Close ends the connection in an orderly way: messages whose envelope is written are finished, then QUIT. A connection that
// is still being opened is given up.
func (c *Conn) Close() {
	b := &c.inbox
	b.mu.Lock()
	b.closing = true
	b.wake()
	dialing := b.nc == nil
	b.mu.Unlock()
	if dialing || c.Phase() < Idle {
		c.cancel()
	}
}

// Abort ends the connection at once, be it while the reply to a final dot is waited for.
func (c *Conn) Abort() {
	b := &c.inbox
	b.mu.Lock()
	b.aborted = true
	if b.nc != nil {
		_ = b.nc.SetDeadline(past)
	}
	b.mu.Unlock()
	c.cancel()
}

// stop is called when the context has ended.
func (b *inbox) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
	switch {
	case b.nc == nil || b.aborted:
	case b.afterDot:
		_ = b.nc.SetReadDeadline(time.Now().Add(stopGrace))
	default:
		_ = b.nc.SetDeadline(past)
	}
}

// wake ends the idle wait.
func (b *inbox) wake() {
	if b.idle {
		_ = b.nc.SetReadDeadline(past)
	}
}

// attach says which socket to wake; false when the connection shall not go on.
func (b *inbox) attach(nc net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nc = nc
	return !b.stopped && !b.aborted
}

// peek is the job that was given and may still be begun, if any.
func (b *inbox) peek() *Job {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closing || b.stopped || b.aborted {
		return nil
	}
	return b.job
}

// take is the job that was given, if any. While it is not ready, and ready is asked for, it is left where it is.
func (b *inbox) take(ready bool) *Job {
	j := b.peek()
	if j == nil || ready && j.Ready != nil && !j.Ready() {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.job = nil // only this goroutine takes, so it is still j
	return j
}

// want notes that a job is asked for; false when there is one already or none shall come.
func (b *inbox) want() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.job != nil || b.over || b.closing || b.stopped || b.aborted {
		return false
	}
	b.wanted = true
	return true
}

// ending says that no further message shall be begun.
func (b *inbox) ending() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closing || b.stopped || b.aborted
}

// finish takes no more jobs and returns one that was not begun.
func (b *inbox) finish() *Job {
	b.mu.Lock()
	defer b.mu.Unlock()
	j := b.job
	b.job, b.wanted, b.over = nil, false, true
	return j
}
