package amqp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"posthoorn/internal/broker"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

// How often the window is looked through for confirms behind one that does not come.
const collectInterval = 100 * time.Millisecond

var errLost = errors.New("connection lost")

type confirmation = *amqp091.DeferredConfirmation

// session is the life of one publishing channel. Two goroutines: one publishes, since a publish may hang for as long as the
// broker likes, the other collects what comes back.
type session struct {
	p       *publisher
	link    *link
	ch      *amqp091.Channel
	closed  chan *amqp091.Error
	returns chan amqp091.Return
	blocked chan amqp091.Blocking
}

func newSession(p *publisher, l *link) (*session, error) {
	ch, err := l.conn.Channel()
	if err != nil {
		return nil, err
	}
	if err := ch.Confirm(false); err != nil {
		return nil, err
	}
	return &session{
		p: p, link: l, ch: ch,
		closed: ch.NotifyClose(make(chan *amqp091.Error, 1)),
		// Room for a whole window, so that the library's reader never waits for us.
		returns: ch.NotifyReturn(make(chan amqp091.Return, p.b.o.Window+1)),
		blocked: l.conn.NotifyBlocked(make(chan amqp091.Blocking, 16)),
	}, nil
}

// serve publishes until the channel is closed or ctx ends, and leaves the unconfirmed in front of what is pending.
func (s *session) serve(ctx context.Context) error {
	s.p.attach(s)
	var publishing sync.WaitGroup
	publishing.Go(s.publish)
	cause := s.collect(ctx)
	soft := cause != nil && !s.link.conn.IsClosed()
	s.p.detach()
	s.link.close()
	publishing.Wait()
	s.p.salvage(s, cause, soft)
	if cause == nil {
		return errLost
	}
	return cause
}

func (p *publisher) attach(s *session) {
	p.mu.Lock()
	p.live = s
	p.mu.Unlock()
	p.trouble.Store(nil)
}

func (p *publisher) detach() {
	p.mu.Lock()
	p.live = nil
	p.wake.Broadcast()
	p.mu.Unlock()
}

// publish hands entries to the library until the session is over.
func (s *session) publish() {
	mode := s.p.b.mode
	var before *entry
	var confirm confirmation
	for {
		e := s.p.next(s, before, confirm)
		if e == nil {
			return
		}
		var err error
		if confirm, err = s.ch.PublishWithDeferredConfirm(e.exchange, e.queue, true, false, e.message(mode)); err != nil {
			// The library closes what cannot be written to, which ends the collector. Should it not, this does.
			s.link.wire.kill()
			return
		}
		before = e
	}
}

// collect settles what the broker confirms or returns, until the channel is closed; then it returns why.
func (s *session) collect(ctx context.Context) *amqp091.Error {
	ticker := time.NewTicker(collectInterval)
	defer ticker.Stop()
	for {
		head, tick := s.p.waitFor(ticker)
		select {
		case <-head:
			s.p.collect(s)
		case <-tick:
			s.p.collect(s)
		case <-s.p.kick:
		case r, ok := <-s.returns:
			if ok {
				s.p.bounce(&r)
			}
		case b, ok := <-s.blocked:
			if ok {
				s.block(b)
			}
		case err := <-s.closed:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *session) block(b amqp091.Blocking) {
	if !b.Active {
		s.p.trouble.Store(nil)
		s.p.b.o.Logger.Info("broker takes messages again", "for", s.p.purpose)
		return
	}
	s.p.trouble.Store(&trouble{reason: "broker is blocked: " + b.Reason, alarm: true})
	s.p.b.o.Logger.Error("broker takes no messages", "for", s.p.purpose, "reason", b.Reason)
}

// waitFor is the end of the oldest unconfirmed publishing, and a tick while there is one.
func (p *publisher) waitFor(ticker *time.Ticker) (<-chan struct{}, <-chan time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.window.head()
	if e == nil || e.confirm == nil {
		return nil, nil
	}
	return e.confirm.Done(), ticker.C
}

// collect settles all that is confirmed or refused. The broker sends a return before its confirm, but the library hands them out
// in two ways: so the confirms are read first, then the returns, and only then anything is decided.
func (p *publisher) collect(s *session) {
	p.mu.Lock()
	p.marked = p.marked[:0]
	for i := p.window.first; i < p.window.next; i++ {
		e := *p.window.at(i)
		if e == nil || e.confirm == nil {
			continue
		}
		select {
		case <-e.confirm.Done():
			p.marked = append(p.marked, i)
		default:
		}
	}
	p.drainReturns(s)
	for _, i := range p.marked {
		p.decide(s, i)
	}
	p.wake.Signal()
	p.flush()
}

func (p *publisher) drainReturns(s *session) {
	for {
		select {
		case r, ok := <-s.returns:
			if !ok {
				return
			}
			p.match(&r)
		default:
			return
		}
	}
}

// decide settles entry i of the window, whose confirmation has ended. It needs p.mu.
func (p *publisher) decide(s *session, i uint64) {
	e := *p.window.at(i)
	acked := e.confirm.Acked()
	switch {
	case e.returned:
		p.finish(e, returned(e))
	case acked:
		p.b.metrics.confirms.Inc()
		p.finish(e, nil)
	case s.ch.IsClosed():
		// The library ends all confirmations when it loses the channel: nothing is known, it will be published again.
		return
	default:
		p.b.metrics.refused.Inc()
		p.finish(e, fmt.Errorf("broker refused a message for queue %s", e.queue))
	}
	p.window.drop(i)
}

func (p *publisher) bounce(r *amqp091.Return) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.match(r)
}

// match finds the publishing that came back: the oldest that looks the same. A return has no tag, but two publishings that are
// equal to the last byte may stand for each other. It needs p.mu.
func (p *publisher) match(r *amqp091.Return) {
	p.b.metrics.returns.Inc()
	p.b.names.forget(r.RoutingKey)
	for i := p.window.first; i < p.window.next; i++ {
		e := *p.window.at(i)
		if e != nil && !e.returned && e.queue == r.RoutingKey && e.exchange == r.Exchange && e.id == r.MessageId && bytes.Equal(e.body, r.Body) {
			e.returned = true
			return
		}
	}
}

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
