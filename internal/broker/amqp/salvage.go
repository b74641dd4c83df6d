package amqp

import (
	"fmt"
	"strconv"
	"strings"

	"posthoorn/internal/broker"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

// salvage settles what is known of the window of a session that has ended, and requeues the rest. cause came from the broker; soft:
// it closed the channel alone, so one of the publishings is to blame.
func (p *publisher) salvage(s *session, cause *amqp091.Error, soft bool) {
	if soft || p.b.o.NotDurable {
		p.b.names.forgetAll() // queues or exchange may be gone
	}
	p.collect(s)
	p.mu.Lock()
	left := p.window.clear()
	switch {
	case !soft:
	case cause.Code == amqp091.PreconditionFailed && strings.Contains(cause.Reason, "larger than"):
		p.blameSize(left, cause.Reason)
	case cause.Code == amqp091.AccessRefused || cause.Code == amqp091.NotFound:
		// The exchange is missing, or we may not write to it. That is so for all of them.
		p.b.topology.forgetExchange()
		p.failAll(left, fmt.Errorf("%w: %w", broker.ErrUnroutable, cause))
	default:
		p.failAll(left, fmt.Errorf("broker closed the channel: %w", cause))
	}
	p.requeue(left)
	p.flush()
}

func (p *publisher) failAll(left []*entry, err error) {
	for _, e := range left {
		p.finish(e, err)
	}
}

// blameSize fails what is over the limit that the broker names ("message size 5 is larger than configured max size 4"), and
// remembers that limit. Without a number the largest is to blame.
func (p *publisher) blameSize(left []*entry, reason string) {
	largest := int64(0)
	for _, e := range left {
		largest = max(largest, int64(len(e.body)))
	}
	words := strings.Fields(reason)
	limit, err := strconv.ParseInt(words[len(words)-1], 10, 64)
	if err != nil || limit >= largest {
		limit = largest - 1
	}
	p.b.cluster.limit.Store(limit)
	for _, e := range left {
		if int64(len(e.body)) > limit {
			p.finish(e, p.b.tooBig(e, limit))
		}
	}
}
