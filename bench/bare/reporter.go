package main

import (
	"context"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"
)

// reporter publishes results and acknowledges what they are about once they are confirmed.
type reporter struct {
	mu    sync.Mutex
	ch    *amqp.Channel
	queue string
	tags  chan uint64 // in the order of the publishings, which is that of the confirms
}

func newReporter(ch *amqp.Channel, queue string, ack func(tag uint64)) *reporter {
	must(ch.Confirm(false))
	r := &reporter{ch: ch, queue: queue, tags: make(chan uint64, 100_000)}
	confirms := ch.NotifyPublish(make(chan amqp.Confirmation, 4096))
	go func() {
		for range confirms {
			ack(<-r.tags)
		}
	}()
	return r
}

func (r *reporter) report(tag uint64, body []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tags <- tag
	must(r.ch.PublishWithContext(context.Background(), "", r.queue, false, false, amqp.Publishing{Body: body, DeliveryMode: amqp.Persistent}))
}
