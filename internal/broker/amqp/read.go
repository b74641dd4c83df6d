package amqp

import (
	"context"
	"time"

	"posthoorn/internal/broker"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

const (
	followInterval = 250 * time.Millisecond
	readGrace      = 2 * time.Second // for the last acks after ctx ended
)

// Read hands the messages of a queue to each, one after the other, and removes every one for which it returned nil; keep leaves
// them all (the broker then marks them as redelivered). It returns when the queue is empty, or with follow when ctx ends. A
// queue that does not exist is broker.ErrUnroutable. Read has a connection of its own; the tickets of its deliveries are empty.
func (b *Broker) Read(ctx context.Context, queue string, keep, follow bool, each func(broker.Delivery) error) error {
	l, err := b.cluster.dial(ctx, "reading "+queue)
	if err != nil {
		return err
	}
	defer l.close()
	unbind := context.AfterFunc(ctx, func() { time.AfterFunc(readGrace, l.wire.kill) })
	defer unbind()
	ch, err := l.conn.Channel()
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		d, ok, err := ch.Get(queue, false)
		switch {
		case err != nil:
			return answer("read", err)
		case ok:
			err = b.readOne(&d, keep, each)
		case follow:
			wait(ctx, followInterval)
		default:
			return ch.Close()
		}
		if err != nil {
			return err
		}
	}
	// The acks stand before this on the channel; what was kept, or not handled, goes back with it.
	if err := ch.Close(); err != nil {
		return err
	}
	return ctx.Err()
}

func (b *Broker) readOne(d *amqp091.Delivery, keep bool, each func(broker.Delivery) error) error {
	out := b.decode(d)
	if err := each(out); err != nil || keep {
		return err
	}
	return d.Ack(false)
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// Count is how many messages of a queue are ready, and how many consumers it has. A queue that does not exist is
// broker.ErrUnroutable.
func (b *Broker) Count(ctx context.Context, queue string) (messages, consumers int, err error) {
	err = b.topology.do(ctx, func() error {
		q, err := b.topology.look(queue)
		messages, consumers = q.Messages, q.Consumers
		return answer("look at queue", err)
	})
	return messages, consumers, err
}
