package main

import (
	amqp "github.com/rabbitmq/amqp091-go"

	"posthoorn/internal/localqueue"
)

// fromBroker parks what RabbitMQ delivers. Messages become durable in the order in which they came, so that one ack serves all
// that were before it.
func fromBroker(url, queue string, prefetch int, store *localqueue.Store, t *tally) {
	conn, err := amqp.Dial(url)
	must(err)
	ch, err := conn.Channel()
	must(err)
	must(ch.Qos(prefetch, 0, false))
	deliveries, err := ch.Consume(queue, "", false, false, false, false, nil)
	must(err)
	tags := make(chan uint64, prefetch)
	go func() {
		for d := range deliveries {
			b := new(localqueue.Batch)
			b.Wait(localqueue.Waiting{Place: place, Body: d.Body})
			store.Commit(b, func(err error) {
				must(err)
				tags <- d.DeliveryTag
			})
		}
	}()
	for !t.all() {
		tag, n := <-tags, 1
		for ; len(tags) > 0; n++ {
			tag = <-tags
		}
		must(ch.Ack(tag, true))
		t.count(n)
	}
	must(conn.Close())
}
