package amqp

import (
	"bytes"
	"fmt"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

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
