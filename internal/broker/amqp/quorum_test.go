package amqp_test

import (
	"context"
	"sync"
	"testing"

	"posthoorn/internal/broker"
	"posthoorn/internal/broker/amqp"
	"posthoorn/internal/testbed"
)

// A quorum outbox takes acks in any order, returns, pauses and a cut like a classic one.
func TestQuorumOutbox(t *testing.T) {
	r := rabbit.Get(t)
	p := testbed.StartProxy(t, r.Addr())
	q := name(t)
	b := open(t, amqp.Options{Address: r.URLVia(p.Addr()), Outbox: q, Quorum: true})
	const n = 400
	var left sync.WaitGroup
	for i := range n {
		left.Add(1)
		b.Send(context.Background(), []broker.Publishing{{Queue: q, Body: []byte{byte(i >> 8), byte(i)}}}, func(err error) {
			if err != nil {
				t.Error(err)
			}
			left.Done()
		})
	}
	left.Wait()
	in := make(deliveries, 1000)
	c, err := b.Consume(q, 1, 40, in)
	must(t, err)
	seen := map[string]bool{}
	var held []broker.Ticket
	for i := 0; len(seen) < n; i++ {
		d := in.next(t)
		switch {
		case !d.Redelivered && i%5 == 0:
			c.Nack(d.Ticket)
			continue
		case !d.Redelivered && i%5 == 1:
			held = append(held, d.Ticket) // settled behind those that come after it
		default:
			c.Ack(d.Ticket)
		}
		seen[string(d.Body)] = true
		if len(held) == 10 {
			must(t, c.Pause(patience(t)))
			must(t, c.Resume(patience(t)))
			for _, ticket := range held {
				c.Ack(ticket)
			}
			held = nil
		}
	}
	for _, ticket := range held {
		c.Ack(ticket)
	}
	must(t, c.Flush(patience(t)))
	must(t, c.Close())
	eventually(t, func() bool {
		messages, consumers, err := b.Count(patience(t), q)
		must(t, err)
		return messages == 0 && consumers == 0
	})
}
