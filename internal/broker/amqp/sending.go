package amqp

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"posthoorn/internal/broker"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

// A short string of AMQP 0-9-1 section 4.2.5.3 holds this many bytes.
const shortString = 255

// sending is one call of Send. It belongs to its publisher, whose mutex guards it, from push on.
type sending struct {
	ctx      context.Context
	done     broker.Done
	deadline time.Time // zero: none
	left     int       // entries that are not confirmed
	over     bool      // it has its outcome; what is left of it counts no more
	err      error
	entries  []entry
	one      [1]entry // most calls have one: saves an allocation
}

// entry is one publishing of a sending.
type entry struct {
	s        *sending
	exchange string
	queue    string
	id       string
	handover string
	encoding string
	body     []byte // as it goes over the wire
	priority uint8
	returned bool // the broker could not route it; its confirm means nothing
	confirm  *amqp091.DeferredConfirmation
}

// newSending checks and encodes ps. Errors: broker.ErrUnroutable, broker.ErrTooBig.
func (b *Broker) newSending(ctx context.Context, ps []broker.Publishing, done broker.Done) (*sending, error) {
	s := &sending{ctx: ctx, done: done, left: len(ps)}
	if b.o.SendTimeout > 0 {
		s.deadline = time.Now().Add(b.o.SendTimeout)
	}
	if s.entries = s.one[:]; len(ps) != 1 {
		s.entries = make([]entry, len(ps))
	}
	for i := range ps {
		if err := b.encode(&s.entries[i], &ps[i]); err != nil {
			return nil, err
		}
		s.entries[i].s = s
	}
	return s, nil
}

func (b *Broker) encode(e *entry, p *broker.Publishing) error {
	// The library breaks the connection over a name that does not fit, so it never gets one.
	if p.Queue == "" || len(p.Queue) > shortString || !utf8.ValidString(p.Queue) {
		return fmt.Errorf("%w: %q is no name of a queue", broker.ErrUnroutable, clip(p.Queue))
	}
	*e = entry{exchange: b.o.Exchange, queue: p.Queue, id: clip(p.ID), handover: p.Handover, body: p.Body, priority: p.Priority}
	if p.Handover != "" {
		e.exchange = ""
	}
	if b.o.Gzip {
		body, err := b.codec.compress(p.Body)
		if err != nil {
			return fmt.Errorf("compress body: %w", err)
		}
		e.body, e.encoding = body, encodingGzip
	}
	if limit := b.cluster.limit.Load(); limit > 0 && int64(len(e.body)) > limit {
		return b.tooBig(e, limit)
	}
	return nil
}

func (b *Broker) tooBig(e *entry, limit int64) error {
	return fmt.Errorf("%w: %d bytes for queue %s, limit %d", broker.ErrTooBig, len(e.body), e.queue, limit)
}

func clip(s string) string {
	if len(s) > shortString {
		return s[:shortString]
	}
	return s
}

// settle takes the outcome of one entry and says whether the whole has its outcome now.
func (s *sending) settle(err error) bool {
	if s.over {
		return false
	}
	s.left--
	s.err = err
	s.over = err != nil || s.left == 0
	return s.over
}

// expired is why s may not go on, if so.
func (s *sending) expired(now time.Time) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	if !s.deadline.IsZero() && now.After(s.deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

func (e *entry) message(mode uint8) amqp091.Publishing {
	m := amqp091.Publishing{DeliveryMode: mode, Priority: e.priority, MessageId: e.id, ContentEncoding: e.encoding, Body: e.body}
	if e.handover != "" {
		m.Headers = amqp091.Table{headerHandover: e.handover}
	}
	return m
}
