package amqp

import (
	"context"
	"errors"
	"fmt"

	"posthoorn/internal/broker"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

// topology looks at and declares exchange and queues, on a connection of its own: a blocked publishing connection would hang.
// One caller at a time.
type topology struct {
	b        *Broker
	life     context.Context // of the broker
	turn     chan struct{}   // holds one token while somebody is at it
	link     *link
	ch       *amqp091.Channel
	exchange bool // it is known to be there
}

// do runs f when it is its turn. The end of ctx, or of the broker, ends f by closing the connection.
func (t *topology) do(ctx context.Context, f func() error) error {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return ctx.Err()
	case <-t.life.Done():
		return broker.ErrClosed
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(t.life, func() { cancel(broker.ErrClosed) })()
	err := t.run(ctx, f)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (t *topology) run(ctx context.Context, f func() error) error {
	if err := t.connect(ctx); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, t.link.wire.kill)()
	return f()
}

func (t *topology) connect(ctx context.Context) error {
	if t.link != nil && !t.link.conn.IsClosed() {
		return nil
	}
	if t.link != nil {
		t.link.wire.kill()
	}
	t.link, t.ch, t.exchange = nil, nil, false
	l, err := t.b.cluster.dial(ctx, "topology")
	if err != nil {
		return err
	}
	t.link = l
	return nil
}

// channel is one that is open: an exception closes the one before.
func (t *topology) channel() (*amqp091.Channel, error) {
	if t.ch != nil && !t.ch.IsClosed() {
		return t.ch, nil
	}
	ch, err := t.link.conn.Channel()
	if err != nil {
		return nil, err
	}
	t.ch = ch
	return ch, nil
}

// on runs one call on an open channel.
func (t *topology) on(f func(ch *amqp091.Channel) error) error {
	ch, err := t.channel()
	if err != nil {
		return err
	}
	return f(ch)
}

// ensure makes a queue that is missing, and binds it to a named exchange. A queue that exists is used as it is.
// What the broker answers is broker.ErrUnroutable; other errors are trouble with the connection.
func (t *topology) ensure(ctx context.Context, queue string) error {
	return t.do(ctx, func() error {
		if err := t.ensureExchange(); err != nil {
			return err
		}
		if err := t.ensureQueue(queue); err != nil {
			return err
		}
		if t.b.o.Exchange == "" {
			return nil
		}
		return answer("bind", t.on(func(ch *amqp091.Channel) error {
			return ch.QueueBind(queue, queue, t.b.o.Exchange, false, nil)
		}))
	})
}

// ensureExchange takes an exchange that exists as it is, whatever its type: operators copy traffic with their own.
func (t *topology) ensureExchange() error {
	o := &t.b.o
	if o.Exchange == "" || t.exchange {
		return nil
	}
	err := t.on(func(ch *amqp091.Channel) error {
		return ch.ExchangeDeclarePassive(o.Exchange, amqp091.ExchangeDirect, !o.NotDurable, false, false, false, nil)
	})
	if isCode(err, amqp091.NotFound) {
		err = t.on(func(ch *amqp091.Channel) error {
			return ch.ExchangeDeclare(o.Exchange, amqp091.ExchangeDirect, !o.NotDurable, false, false, false, nil)
		})
	}
	t.exchange = err == nil
	return answer("exchange "+o.Exchange, err)
}

func (t *topology) ensureQueue(queue string) error {
	_, err := t.look(queue)
	if !isCode(err, amqp091.NotFound) {
		return answer("look at queue", err)
	}
	durable, args := t.arguments(queue)
	err = t.on(func(ch *amqp091.Channel) error {
		_, err := ch.QueueDeclare(queue, durable, false, false, false, args)
		return err
	})
	if err == nil {
		t.b.o.Logger.Info("queue declared", "queue", queue, "durable", durable, "arguments", args)
	}
	return answer("declare", err)
}

// look asks for a queue without making it.
func (t *topology) look(queue string) (amqp091.Queue, error) {
	var q amqp091.Queue
	err := t.on(func(ch *amqp091.Channel) error {
		var err error
		q, err = ch.QueueDeclarePassive(queue, true, false, false, false, nil)
		return err
	})
	return q, err
}

// arguments of a queue that we make (queues.md section 5): none by default, since client programs declare it so too.
func (t *topology) arguments(queue string) (durable bool, args amqp091.Table) {
	o := &t.b.o
	args = amqp091.Table{}
	if o.Quorum && queue == o.Outbox {
		args[amqp091.QueueTypeArg] = amqp091.QueueTypeQuorum
		if t.link.major >= 4 {
			args[argDeliveryLimit] = int64(-1)
		}
		return true, args
	}
	if o.MaxPriority > 0 {
		args["x-max-priority"] = int32(o.MaxPriority)
	}
	if o.Lazy {
		args["x-queue-mode"] = "lazy"
	}
	return !o.NotDurable, args
}

// forgetExchange makes the next ensure look at it again.
func (t *topology) forgetExchange() {
	t.turn <- struct{}{}
	defer func() { <-t.turn }()
	t.exchange = false
}

func (t *topology) close() {
	t.turn <- struct{}{}
	defer func() { <-t.turn }()
	if t.link != nil {
		t.link.close()
	}
}

func isCode(err error, code int) bool {
	var e *amqp091.Error
	return errors.As(err, &e) && e.Server && e.Code == code
}

// answer marks what the broker says about a queue or exchange: no such thing, no permission, in use, other arguments.
func answer(what string, err error) error {
	for _, code := range []int{amqp091.AccessRefused, amqp091.NotFound, amqp091.ResourceLocked, amqp091.PreconditionFailed, amqp091.NotImplemented} {
		if isCode(err, code) {
			return fmt.Errorf("%w: %s: %w", broker.ErrUnroutable, what, err)
		}
	}
	return err
}
