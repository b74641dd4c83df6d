package amqp

import (
	"context"
	"errors"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

// op is a call that the receiving goroutine does in its turn.
type op struct {
	run  func(*stream) error
	done chan error
}

// call lets the receiving goroutine do f with its stream. It fails with errNotConnected while there is none.
func (in *intake) call(ctx context.Context, f func(*stream) error) error {
	s := in.stream.Load()
	if s == nil {
		return errNotConnected
	}
	o := op{run: f, done: make(chan error, 1)}
	select {
	case in.ops <- o:
	case <-s.over:
		return errNotConnected
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pause stops deliveries. From its return on none is handed out; those that are under way are given back.
func (in *intake) pause(ctx context.Context) error {
	in.paused.Store(true)
	return in.unlessLost(in.call(ctx, in.cancel))
}

func (in *intake) resume(ctx context.Context) error {
	in.paused.Store(false)
	return in.unlessLost(in.call(ctx, func(s *stream) error {
		if s.consuming || in.paused.Load() {
			return nil
		}
		return in.restart(s)
	}))
}

// unlessLost drops the error of a lost connection: the next one begins as it should.
func (in *intake) unlessLost(err error) error {
	var broken *amqp091.Error
	if errors.Is(err, errNotConnected) || errors.As(err, &broken) {
		return nil
	}
	return err
}

// cancel ends all consumers of the channel and gives back what they still had for us.
func (in *intake) cancel(s *stream) error {
	for _, tag := range s.tags {
		if err := s.ch.Cancel(tag, false); err != nil {
			return err
		}
	}
	s.tags, s.consuming = nil, false
	if s.main != nil {
		for d := range s.main {
			in.giveBack(s, d.DeliveryTag)
		}
		s.main = nil
	}
	s.drain(func(d amqp091.Delivery) { in.giveBack(s, d.DeliveryTag) })
	return in.tell(s)
}

func (in *intake) giveBack(s *stream, tag uint64) {
	in.tickets.out(tag)
	in.settle(s.epoch, tag, tagReturned)
}

// restart consumes again. RabbitMQ counts the credit for each consumer, so that tickets of the cancelled one would come on top:
// the new one gets only what is left of it, and further consumers get the rest as the old tickets are settled.
func (in *intake) restart(s *stream) error {
	s.consuming = true
	free := in.credit - in.tickets.resume()
	if free <= 0 {
		return nil
	}
	return in.consume(s, free)
}

// restore gives credit of old tickets that were settled since to a further consumer on the channel.
func (in *intake) restore(s *stream) error {
	if !s.consuming {
		return nil
	}
	credit := in.tickets.regain()
	switch {
	case credit == 0:
		return nil
	case s.main == nil:
		return in.consume(s, credit)
	}
	d, err := in.subscribe(s, credit)
	if err == nil {
		s.forward(d)
	}
	return err
}

// forward brings the deliveries of a further consumer to receive.
func (s *stream) forward(from <-chan amqp091.Delivery) {
	s.forwarders.Go(func() {
		for d := range from {
			select {
			case s.extra <- d:
			case <-s.over:
				return
			}
		}
	})
}

// drain takes all that the further consumers, which were cancelled, still have.
func (s *stream) drain(each func(amqp091.Delivery)) {
	ended := make(chan struct{})
	go func() {
		s.forwarders.Wait()
		close(ended)
	}()
	for {
		select {
		case d := <-s.extra:
			each(d)
		case <-ended:
			return
		}
	}
}

// flush proves the acks up to now: a synchronous call behind them on the same channel.
func (in *intake) flush(ctx context.Context) error {
	if in.tickets.doubtful() {
		return errDoubt
	}
	if in.tickets.unprovenAcks() == 0 {
		return nil
	}
	asked := in.stream.Load()
	return in.call(ctx, func(s *stream) error {
		if s != asked {
			return errNotConnected
		}
		n := in.tickets.unprovenAcks()
		if err := in.tell(s); err != nil {
			return err
		}
		if err := s.ch.Qos(in.credit, 0, false); err != nil {
			return err
		}
		in.tickets.prove(n)
		return nil
	})
}
