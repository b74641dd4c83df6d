package amqp

import (
	"context"
	"errors"
	"sync"
	"time"

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
