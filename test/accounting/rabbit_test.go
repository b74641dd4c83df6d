package accounting

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// client is a program beside posthoorn that uses the broker. It comes back whenever its connection breaks, until ctx ends.
type client struct {
	url   string
	books *books
	names names
}

// names are the queues of a run; runs share a broker.
type names struct{ outbox, results, success, failure string }

func namesOf(run string) names {
	return names{run + "-outbox", run + "-results", run + "-success", run + "-failure"}
}

func (n names) keys() map[string]string {
	return map[string]string{"rabbitmq-outbox": n.outbox, "rabbitmq-results": n.results, "rabbitmq-success": n.success, "rabbitmq-failure": n.failure}
}

// keep calls work with a new channel each time that the last one broke.
func (c *client) keep(ctx context.Context, work func(context.Context, *amqp.Channel) error) {
	for ctx.Err() == nil {
		if err := c.once(ctx, work); err == nil {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (c *client) once(ctx context.Context, work func(context.Context, *amqp.Channel) error) error {
	conn, err := amqp.DialConfig(c.url, amqp.Config{Dial: amqp.DefaultDial(2 * time.Second)})
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	for _, q := range []string{c.names.outbox, c.names.results, c.names.success, c.names.failure} {
		if _, err := ch.QueueDeclare(q, true, false, false, false, nil); err != nil {
			return err
		}
	}
	return work(ctx, ch)
}

// publish is the source: numbered messages at a steady pace, each written down before and after.
func (c *client) publish(ctx context.Context, random *rand.Rand, perSecond int) {
	n := 0
	var unconfirmed sync.WaitGroup
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	c.keep(ctx, func(ctx context.Context, ch *amqp.Channel) error {
		if err := ch.Confirm(false); err != nil {
			return err
		}
		broken := ch.NotifyClose(make(chan *amqp.Error, 1))
		for {
			select {
			case <-ctx.Done():
				unconfirmed.Wait() // a connection that breaks ends this too
				return nil
			case err := <-broken:
				return fmt.Errorf("closed: %v", err)
			case <-tick.C:
			}
			n++
			id, source := message(kinds[random.IntN(len(kinds))], n)
			c.books.publish(id, hashOf(source))
			sure, err := ch.PublishWithDeferredConfirmWithContext(ctx, "", c.names.outbox, true, false,
				amqp.Publishing{Body: encode(id, source), DeliveryMode: amqp.Persistent})
			if err != nil {
				return err
			}
			unconfirmed.Go(func() {
				if sure.Wait() {
					c.books.confirm(id)
				}
			})
		}
	})
}

// read is the reader of the result queues.
func (c *client) read(ctx context.Context) {
	c.keep(ctx, func(ctx context.Context, ch *amqp.Channel) error {
		if err := ch.Qos(200, 0, false); err != nil {
			return err
		}
		roles := map[string]string{c.names.results: "results", c.names.success: "success", c.names.failure: "failure"}
		all := make(chan amqp.Delivery)
		broken := ch.NotifyClose(make(chan *amqp.Error, 1))
		for queue := range roles {
			ds, err := ch.Consume(queue, queue, false, false, false, false, nil)
			if err != nil {
				return err
			}
			go func() {
				for d := range ds {
					select {
					case all <- d:
					case <-ctx.Done():
					}
				}
			}()
		}
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-broken:
				return errors.New("closed")
			case d := <-all:
				id, o, err := outcomeOf(roles[d.ConsumerTag], d.MessageId, d.Body)
				if err != nil {
					id, o = err.Error(), outcome{}
				}
				c.books.conclude(id, o)
				if err := d.Ack(false); err != nil {
					return err
				}
			}
		}
	})
}
