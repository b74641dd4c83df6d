// Package broker says what a message queue is to Posthoorn: what is published, what is delivered, the ticket
// that settles a delivery, and the promises that an adapter must keep. The adapters are in broker/amqp
// (RabbitMQ) and broker/local (embedded); one contract suite (broker/brokertest) runs on both.
//
// Promises of an adapter:
//   - A publishing whose Done was called with nil is durable: it survives a crash of the process and of the broker.
//   - A delivery that was not acked comes again after a crash, a lost connection or a Nack, with Redelivered set.
//   - Never more deliveries of a consumer are out than its credit allows.
//   - Every ticket belongs to an epoch. Settling a ticket of a past epoch does nothing: the broker delivers again.
//   - Send never drops: each call ends in exactly one Done.
package broker

import (
	"context"
	"errors"
)

// Publishing is one message on its way into a queue.
type Publishing struct {
	Queue    string
	Body     []byte // not changed by either side after Send
	Priority uint8
	ID       string // AMQP message-id: stable, so that a result repeated after a crash can be recognised; may be empty
	Handover string // header x-handover (queues.md section 9); when set it goes straight to the queue, past the exchange
}

// Ticket is the right and duty to settle one delivery, exactly once. It is comparable.
type Ticket struct {
	Epoch   uint64 // counts up with every new channel, over all consumers of an adapter
	Tag     uint64 // delivery tag (RabbitMQ) or sequence (embedded)
	Channel uint32 // which consumer
}

// Delivery is one message handed out.
type Delivery struct {
	Body        []byte // decompressed; safe to keep
	Redelivered bool   // the broker may have handed it out before
	Ticket      Ticket
	Size        int    // bytes as they came over the wire
	Handover    string // header x-handover (queues.md section 9)
	Err         error  // the body could not be decoded (bad gzip, too large): Body is what came
}

// Errors of Send that tell the caller what to do. Anything else is a lost connection or broker trouble: try again.
var (
	// ErrUnroutable: the queue does not exist or cannot be declared (returned mandatory publishing, 403, 404, 406 at declare).
	ErrUnroutable = errors.New("queue cannot be reached")
	// ErrTooBig: the body is over the broker's limit; it is the message's own fault (queues.md section 5).
	ErrTooBig = errors.New("message is larger than the broker takes")
	// ErrClosed: the adapter is closing.
	ErrClosed = errors.New("queue connection is closed")
	// ErrBlocked: the broker takes nothing at the moment (memory or disk alarm).
	ErrBlocked = errors.New("broker is blocked")
)

// Done is called once, from a goroutine of the adapter, when all publishings of a Send are durable (nil) or one has
// failed. It must return quickly and may not call back into the adapter in a way that waits.
type Done func(error)

// Sender publishes.
type Sender interface {
	// Send hands over publishings that belong together. It blocks while the window of unconfirmed publishings is full, until
	// ctx ends; then Done gets the error of ctx.
	Send(ctx context.Context, ps []Publishing, done Done)
}

// Handler receives what a consumer is given, from one goroutine per consumer. It must not block for long.
type Handler interface {
	Deliver(Delivery)
	// Lost says that all open tickets of channels whose epoch is not above epoch, on that channel number, are stale:
	// the broker will deliver those messages again.
	Lost(channel uint32, epoch uint64)
}

// Consumer is a running consumption of one queue.
type Consumer interface {
	// Ack removes a delivery from the queue. Acks are gathered and sent within 50 ms. A stale ticket is ignored.
	Ack(Ticket)
	// Nack gives a delivery back to the queue (requeue).
	Nack(Ticket)
	// Pause stops deliveries (consumer cancelled; what is out stays out); Resume starts them again.
	Pause(ctx context.Context) error
	Resume(ctx context.Context) error
	// Connected says that what the queue has can reach us, messages that come again too: a channel at least has its connection.
	Connected() bool
	// Flush returns when all acks up to now are known to have reached the broker (a synchronous call behind them).
	Flush(ctx context.Context) error
	// Close stops the consumption. Tickets that are still open are given back.
	Close() error
}

// Broker is one adapter.
type Broker interface {
	Sender
	// Consume starts with the given credit per consumer; it returns at once and connects, and reconnects, by itself.
	Consume(queue string, consumers, credit int, h Handler) (Consumer, error)
	// Declare makes queues that the configuration names; ErrUnroutable names what is wrong with one.
	Declare(ctx context.Context, queues ...string) error
	// Blocked reports that publishing is not possible now, and why: the doors then answer 451 and nothing new is started.
	Blocked() (reason string, blocked bool)
	Close() error
}

// Publish sends and waits until all is durable.
func Publish(ctx context.Context, s Sender, ps ...Publishing) error {
	result := make(chan error, 1)
	s.Send(ctx, ps, func(err error) { result <- err })
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
