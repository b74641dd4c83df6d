package control

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// QueueInfo is a line of queue list.
type QueueInfo struct {
	Name     string    `json:"name"`
	Role     string    `json:"role,omitempty"` // what the configuration uses it for; empty: a queue that messages name
	Messages int64     `json:"messages"`
	InHand   int64     `json:"in-hand"`          // handed out and not settled, part of Messages
	Bytes    int64     `json:"bytes,omitempty"`  // of bodies; 0: not known
	Oldest   time.Time `json:"oldest,omitzero"`  // when the first message was published; zero: none, or not known
	Missing  bool      `json:"missing,omitzero"` // the broker has no such queue
}

// ReadOptions of Queues.Read.
type ReadOptions struct {
	Keep   bool `json:"keep,omitempty"`   // leave the messages where they are
	Follow bool `json:"follow,omitempty"` // wait for more until ctx ends
	Force  bool `json:"force,omitempty"`  // even from the outbox
}

// Queues are the queues of a broker as the queue commands see them: those of the daemon through a Client, or those of RabbitMQ
// through an adapter of the caller.
type Queues interface {
	// List is all that the broker holds, or the configuration names.
	List(ctx context.Context) ([]QueueInfo, error)
	// Read hands the messages of a queue to write, one or more at a time, in the order of the queue. Those of a call are
	// removed, unless Keep, only after it has returned nil; after an error they are where they were. Read returns nil at the
	// end of the queue, with Follow the error of ctx.
	Read(ctx context.Context, queue string, o ReadOptions, write func(bodies [][]byte) error) error
	// Publish returns nil when all bodies are durable; after an error some may be.
	Publish(ctx context.Context, queue string, bodies [][]byte) error
}

const (
	cmdList    = "queue list"
	cmdRead    = "queue read"
	cmdPublish = "queue publish"
)

var errNoQueues = &Error{Exit: ExitUsage, Text: "the queues of this instance are on RabbitMQ, not in the daemon"}

func (c *Control) list(ctx context.Context) (any, error) {
	if c.opts.Queues == nil {
		return nil, errNoQueues
	}
	list, err := c.opts.Queues.List(ctx)
	if list == nil {
		list = []QueueInfo{}
	}
	return list, err
}

type readRequest struct {
	Queue string `json:"queue"`
	ReadOptions
}

// batch announces bodies; the other side acknowledges them when they are written.
type batch struct {
	Sizes []int64 `json:"sizes,omitempty"`
	answer
}

// ack says how many bodies were written since the beginning.
type ack struct {
	Written int `json:"written"`
}

// read streams a queue. The bodies of a batch stay in hand until the reader says that it has written them.
func (c *Control) read(ctx context.Context, w *wire, args json.RawMessage) error {
	var r readRequest
	if err := json.Unmarshal(args, &r); err != nil || r.Queue == "" {
		return usage("queue read: no queue is named")
	}
	if c.opts.Queues == nil {
		return errNoQueues
	}
	if err := mayRead(r.Queue, c.opts.Outbox, r.ReadOptions); err != nil {
		return err
	}
	session := &readSession{w: w, acks: make(chan int)}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.watching.Go(func() { session.listen(ctx, cancel) })
	return c.opts.Queues.Read(ctx, r.Queue, r.ReadOptions, func(bodies [][]byte) error { return session.write(ctx, bodies) })
}

// mayRead refuses to take mail away from delivery by mistake.
func mayRead(queue, outbox string, o ReadOptions) error {
	if queue == outbox && !o.Keep && !o.Force {
		return usage("%s is the outbox: reading it would take mail away from delivery; use --keep, or --force to remove it", queue)
	}
	return nil
}

// readSession hears the reader at all times, so that one that hangs up while the queue is empty is noticed.
type readSession struct {
	w    *wire
	sent int
	acks chan int
}

// listen passes acknowledgements on until the reader hangs up.
func (r *readSession) listen(ctx context.Context, cancel context.CancelFunc) {
	defer cancel()
	for {
		var a ack
		if err := r.w.awaitJSON(&a, maxRequest); err != nil {
			return
		}
		select {
		case r.acks <- a.Written:
		case <-ctx.Done():
			return
		}
	}
}

var errReader = errors.New("the reader hung up, or did not write what it was given")

func (r *readSession) write(ctx context.Context, bodies [][]byte) error {
	r.sent += len(bodies)
	if err := r.w.send(batch{Sizes: sizesOf(bodies)}, bodies...); err != nil {
		return err
	}
	select {
	case written := <-r.acks:
		if written != r.sent {
			return errReader
		}
		return nil
	case <-ctx.Done():
		return errReader
	}
}

type publishRequest struct {
	Queue string  `json:"queue"`
	Sizes []int64 `json:"sizes"`
}

func (c *Control) publish(ctx context.Context, w *wire, args json.RawMessage) error {
	var r publishRequest
	if err := json.Unmarshal(args, &r); err != nil || r.Queue == "" {
		return usage("queue publish: no queue is named")
	}
	if c.opts.Queues == nil {
		return errNoQueues
	}
	if err := c.space(); err != nil {
		return err
	}
	bodies, err := w.bodies(r.Sizes)
	if err != nil {
		return err
	}
	return c.opts.Queues.Publish(ctx, r.Queue, bodies)
}

// space refuses what a full disk could not keep, as the doors do.
func (c *Control) space() error {
	if c.opts.Room == nil {
		return nil
	}
	if err := c.opts.Room(); err != nil {
		return temporary(err, "nothing is published until there is space on the disk")
	}
	return nil
}
