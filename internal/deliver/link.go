package deliver

import (
	"errors"
	"net"
	"os"
	"time"

	"posthoorn/internal/smtp"
)

// link is the stream of a connection with its deadlines.
type link struct {
	nc      net.Conn // the socket, or TLS over it
	box     *inbox
	replies *smtp.ReplyReader
	wait    time.Duration // for the reply that is being read
	dot     bool          // it answers a final dot
	armed   bool          // its deadline runs
}

// errStopped says that the connection was told to stop.
var errStopped = errors.New("connection is stopped")

// use makes nc the stream.
func (l *link) use(nc net.Conn, box *inbox) {
	l.nc, l.box = nc, box
	l.replies = smtp.NewReplyReader(l)
}

// reply reads the next reply within wait, counted from when it has to be waited for.
func (l *link) reply(wait time.Duration, dot bool) (smtp.Reply, error) {
	l.wait, l.dot, l.armed = wait, dot, false
	r, err := l.replies.Next()
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) && l.box.told(dot) {
		err = errStopped
	}
	return r, err
}

// Read is for replies.
func (l *link) Read(p []byte) (int, error) {
	if !l.armed {
		if err := l.box.arm(l.nc, l.wait, l.dot); err != nil {
			return 0, err
		}
		l.armed = true
	}
	return l.nc.Read(p)
}

// peek waits a moment for what nobody asked for; nil when there is something.
func (l *link) peek(wait time.Duration) error {
	if err := l.box.arm(l.nc, wait, false); err != nil {
		return err
	}
	var one [1]byte
	_, err := l.nc.Read(one[:])
	return err
}

// write sends all of p, or says how much of it went.
func (l *link) write(p []byte, wait time.Duration) (int, error) {
	if err := l.box.armWrite(l.nc, wait); err != nil {
		return 0, err
	}
	n, err := l.nc.Write(p)
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) && l.box.told(false) {
		err = errStopped
	}
	return n, err
}

// arm sets the deadline for reading a reply.
func (b *inbox) arm(nc net.Conn, wait time.Duration, dot bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.aborted || b.stopped && !dot {
		return errStopped
	}
	if b.stopped {
		wait = min(wait, stopGrace)
	}
	b.afterDot = dot
	return nc.SetReadDeadline(time.Now().Add(wait))
}

// armWrite sets the deadline for one write.
func (b *inbox) armWrite(nc net.Conn, wait time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.aborted || b.stopped {
		return errStopped
	}
	b.afterDot = false
	return nc.SetWriteDeadline(time.Now().Add(wait))
}

// told says whether a wait ended because the connection was told to, not because the peer took too long.
func (b *inbox) told(dot bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.aborted || b.stopped && !dot
}

// sleep prepares the idle wait; false when there is no reason to wait.
func (b *inbox) sleep(wait time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.job != nil || b.closing || b.stopped || b.aborted {
		return false
	}
	b.idle, b.afterDot = true, false
	return b.nc.SetReadDeadline(time.Now().Add(wait)) == nil
}

// awake ends what sleep began; false when nobody asked for it.
func (b *inbox) awake() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.idle = false
	return b.job != nil || b.closing || b.stopped || b.aborted
}

// farewell prepares for QUIT and its answer; false when there is no time for that.
func (b *inbox) farewell(nc net.Conn, wait time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		wait = min(wait, stopQuit)
	}
	return !b.aborted && nc.SetDeadline(time.Now().Add(wait)) == nil
}

// stopQuit is how long QUIT may take when all is coming to an end.
const stopQuit = 500 * time.Millisecond
