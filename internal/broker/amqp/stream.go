package amqp

import (
	"context"
	"fmt"
	"sync"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

// stream is the life of one consuming channel. The receiving goroutine owns what is not a channel.
type stream struct {
	link       *link
	ch         *amqp091.Channel
	epoch      uint64
	closed     chan *amqp091.Error
	cancelled  chan string
	over       chan struct{}           // closed at its end
	grow       chan struct{}           // credit of old tickets can be given to a new consumer
	main       <-chan amqp091.Delivery // nil: none
	extra      chan amqp091.Delivery   // from the further consumers after a Resume
	forwarders sync.WaitGroup          // one for each of them
	tags       []string                // of all consumers on the channel
	subscribed int                     // how many there ever were
	consuming  bool
}

// open starts an epoch. The stream is nil when there is none, else it has to be ended even if an error comes with it.
func (in *intake) open(ctx context.Context, l *link) (*stream, error) {
	if !in.b.o.NoDeclare {
		err := in.b.topology.ensure(ctx, in.queue)
		in.b.names.note(in.queue, err)
		if err != nil {
			return nil, err
		}
	}
	ch, err := l.conn.Channel()
	if err != nil {
		return nil, err
	}
	s := &stream{
		link: l, ch: ch, epoch: in.b.epochs.Add(1),
		closed:    ch.NotifyClose(make(chan *amqp091.Error, 1)),
		cancelled: ch.NotifyCancel(make(chan string, 16)),
		over:      make(chan struct{}),
		grow:      make(chan struct{}, 1),
		extra:     make(chan amqp091.Delivery),
	}
	in.tickets.begin(s.epoch)
	in.stream.Store(s) // before paused is read: a Pause that comes later finds it
	if in.paused.Load() {
		return s, nil
	}
	s.consuming = true
	return s, in.consume(s, in.credit)
}

// consume starts the consumer whose deliveries come straight to receive.
func (in *intake) consume(s *stream, credit int) error {
	d, err := in.subscribe(s, credit)
	if err == nil {
		s.main = d
	}
	return err
}

func (in *intake) subscribe(s *stream, credit int) (<-chan amqp091.Delivery, error) {
	if err := s.ch.Qos(credit, 0, false); err != nil {
		return nil, err
	}
	// Never a tag again: an ack for a consumer that was cancelled would count as credit of its namesake.
	s.subscribed++
	tag := fmt.Sprintf("posthoorn-%d-%d", s.epoch, s.subscribed)
	d, err := s.ch.Consume(in.queue, tag, false, false, false, false, nil)
	if err == nil {
		s.tags = append(s.tags, tag)
	}
	return d, err
}

// farewell ends a stream in good order: nothing more comes, what was settled is told, and the end of the channel gives back the
// rest.
func (in *intake) farewell(s *stream) {
	if err := in.cancel(s); err == nil {
		_ = s.ch.Close() // if it fails, the end of the connection does the same
	}
}
