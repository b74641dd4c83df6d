package prepare

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"posthoorn/internal/mail"
)

// Content is a message on its way to becoming bytes, begun by Start.
type Content struct {
	p       *Preparer
	cancel  context.CancelFunc
	done    chan struct{}
	source  Source
	err     error
	dropped atomic.Bool
	slow    atomic.Bool // it waits for a store, a web server or the DNS
}

// Delayed is the error of content that cannot be had now through no fault of the message or its receiver: the message is to
// wait so long, and no attempt is counted (storage.md section 4).
type Delayed struct {
	For   time.Duration
	Cause error
}

func (d *Delayed) Error() string { return fmt.Sprintf("content can be had later: %v", d.Cause) }

func (d *Delayed) Unwrap() error { return d.Cause }

// crowded is how long a message waits when too much is ready already.
const crowded = time.Second

// Start begins to make the content of m, whose fields may be read until it is done. It never blocks. Every Content must be
// dropped in the end.
func (p *Preparer) Start(ctx context.Context, m *mail.Message) *Content {
	c := &Content{p: p, done: make(chan struct{})}
	if p.held.Load() > p.o.Memory {
		c.cancel, c.err = func() {}, &Delayed{For: crowded, Cause: errCrowded}
		close(c.done)
		return c
	}
	ctx, c.cancel = context.WithCancel(ctx)
	go c.run(ctx, m)
	return c
}

var errCrowded = errors.New("too much content is in memory and not yet sent")

func (c *Content) run(ctx context.Context, m *mail.Message) {
	defer close(c.done)
	defer func() {
		if v := recover(); v != nil {
			c.p.log.Error("message handling failed", "recipient", m.Recipient.String(), "error", v, "stack", string(debug.Stack()))
			c.err = fail(mail.StateUnknown, "5.3.0", fmt.Errorf("%v", v))
		}
	}()
	c.source, c.err = c.p.make(ctx, m, &c.slow)
	c.p.held.Add(int64(len(c.source.Data)))
}

// Done is closed when Wait answers at once.
func (c *Content) Done() <-chan struct{} { return c.done }

// Ready says that Wait answers at once.
func (c *Content) Ready() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// Slow says that content waits for a store, a web server or the DNS. Else it is being computed, or about to be, which nothing makes
// quicker than waiting for it.
func (c *Content) Slow() bool { return c.slow.Load() }

// Wait returns the source when it is there. The error is a *mail.Error for the result of the message, a *Delayed, or that of ctx.
// The source is valid until Drop.
func (c *Content) Wait(ctx context.Context) (Source, error) {
	select {
	case <-c.done:
		return c.source, c.err
	case <-ctx.Done():
		return Source{}, ctx.Err()
	}
}

// Drop gives up what is not done and lets go of what is. It may be called again.
func (c *Content) Drop() {
	if c.dropped.Swap(true) {
		return
	}
	c.cancel()
	if c.Ready() {
		c.free()
		return
	}
	go func() {
		<-c.done
		c.free()
	}()
}

func (c *Content) free() { c.p.held.Add(-int64(len(c.source.Data))) }
