package amqp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"posthoorn/internal/broker"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

const (
	ackDelay  = 20 * time.Millisecond // acks of this time go out together; 50 ms are promised
	ackBatch  = 64                    // or so many, or a tenth of the credit
	maxCredit = 65535                 // basic.qos has 16 bits

	farewellTimeout = 3 * time.Second // for the last words of a consumer that is closed
)

var (
	errNotConnected = errors.New("consumer has no connection to the broker")
	errCancelled    = errors.New("broker cancelled the consumer (queue deleted or moved)")
	errDoubt        = errors.New("acks were under way when a connection broke")
)

// intake is one consuming channel on a connection of its own, made again whenever it breaks. One goroutine receives and does all
// calls that wait for an answer; another sends the acks, so that nobody who settles a ticket ever waits for a socket.
type intake struct {
	b       *Broker
	queue   string
	purpose string
	number  uint32
	credit  int
	h       broker.Handler
	tickets tickets
	ops     chan op
	soon    chan struct{} // there is something to ack
	now     chan struct{} // there is a lot to ack
	paused  atomic.Bool
	stream  atomic.Pointer[stream] // nil: not connected
	telling sync.Mutex             // the order of acks on the wire
}

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

func newIntake(b *Broker, number uint32, queue string, credit int, h broker.Handler) *intake {
	return &intake{
		b: b, queue: queue, purpose: fmt.Sprintf("consumer %d of %s", number, queue), number: number, credit: credit, h: h,
		ops: make(chan op), soon: make(chan struct{}, 1), now: make(chan struct{}, 1),
	}
}

// run receives until ctx ends.
func (in *intake) run(ctx context.Context) {
	var acking sync.WaitGroup
	defer acking.Wait()
	acks, stop := context.WithCancel(context.Background())
	defer stop()
	acking.Go(func() { in.acker(acks) })
	var pace backoff
	for first := true; ctx.Err() == nil; first = false {
		l, err := in.b.cluster.keep(ctx, in.purpose, &pace, func(error) {})
		if err != nil {
			return
		}
		if !first {
			in.b.metrics.reconnects.Inc()
		}
		began := time.Now()
		if err = in.serve(ctx, l); ctx.Err() != nil {
			return
		}
		in.b.o.Logger.Warn("consumer ended, starting again", "for", in.purpose, "error", err)
		pace.worked(began)
		if pace.wait(ctx) != nil {
			return
		}
	}
}

// serve consumes on l until it breaks or ctx ends.
func (in *intake) serve(ctx context.Context, l *link) error {
	// Calls on a silent network end only with the socket.
	unbind := context.AfterFunc(ctx, func() { time.AfterFunc(farewellTimeout, l.wire.kill) })
	defer unbind()
	s, err := in.open(ctx, l)
	if err == nil {
		err = in.receive(ctx, s)
	}
	if s == nil {
		l.close()
		return err
	}
	if ctx.Err() != nil {
		in.farewell(s)
	}
	in.stream.Store(nil)
	close(s.over)
	epoch := in.tickets.end()
	l.close()
	s.forwarders.Wait()
	if ctx.Err() == nil {
		in.h.Lost(in.number, epoch)
	}
	return err
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

// receive hands out deliveries and does what is asked, until the stream breaks or ctx ends.
func (in *intake) receive(ctx context.Context, s *stream) error {
	for {
		select {
		case d, ok := <-s.main:
			if !ok {
				s.main = nil
				continue
			}
			in.deliver(s, &d)
		case d := <-s.extra:
			in.deliver(s, &d)
		case o := <-in.ops:
			o.done <- o.run(s)
		case <-s.grow:
			if err := in.restore(s); err != nil {
				return err
			}
		case <-s.cancelled:
			return errCancelled
		case err := <-s.closed:
			if err == nil {
				return errLost
			}
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

// farewell ends a stream in good order: nothing more comes, what was settled is told, and the end of the channel gives back the
// rest.
func (in *intake) farewell(s *stream) {
	if err := in.cancel(s); err == nil {
		_ = s.ch.Close() // if it fails, the end of the connection does the same
	}
}

func (in *intake) deliver(s *stream, d *amqp091.Delivery) {
	in.tickets.out(d.DeliveryTag)
	if in.paused.Load() {
		in.settle(s.epoch, d.DeliveryTag, tagReturned)
		return
	}
	in.b.metrics.deliveries.Inc()
	if d.Redelivered {
		in.b.metrics.redeliveries.Inc()
	}
	out := in.b.decode(d)
	out.Ticket = broker.Ticket{Epoch: s.epoch, Tag: d.DeliveryTag, Channel: in.number}
	in.h.Deliver(out)
}

// decode is a delivery without its ticket. A body that cannot be decompressed comes as it is, with the reason in Err.
func (b *Broker) decode(d *amqp091.Delivery) broker.Delivery {
	out := broker.Delivery{Body: d.Body, Redelivered: d.Redelivered, Size: len(d.Body)}
	if d.Headers != nil {
		out.Handover, _ = d.Headers[headerHandover].(string)
	}
	if d.ContentEncoding == "" || !isGzip(d.ContentEncoding) {
		return out
	}
	body, err := b.codec.expand(d.Body)
	if err != nil {
		b.metrics.undecodable.Inc()
		out.Err = err
		return out
	}
	out.Body = body
	return out
}

// settle finishes a ticket and sees to it that the broker hears of it in time.
func (in *intake) settle(epoch, tag uint64, state uint8) {
	waiting := in.tickets.finish(epoch, tag, state)
	switch {
	case waiting == 0:
		in.b.metrics.stale.Inc()
		return
	case waiting >= min(ackBatch, max(1, in.credit/10)):
		poke(in.now)
	case waiting == 1:
		poke(in.soon)
	}
	if state == tagAcked {
		in.b.metrics.acks.Inc()
	} else {
		in.b.metrics.nacks.Inc()
	}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// acker sends what is finished, some time after the first or when there is enough.
func (in *intake) acker(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-in.soon:
			timer.Reset(ackDelay)
			select {
			case <-timer.C:
			case <-in.now:
			case <-ctx.Done():
				return
			}
		case <-in.now:
		case <-ctx.Done():
			return
		}
		if s := in.stream.Load(); s != nil {
			_ = in.tell(s) // an error here is the end of the stream, which receive sees
		}
	}
}

// tell brings the broker up to date. The wire gathers the frames into few writes.
func (in *intake) tell(s *stream) error {
	in.telling.Lock()
	defer in.telling.Unlock()
	b := in.tickets.take()
	for _, tag := range b.back {
		if err := s.ch.Nack(tag, false, true); err != nil {
			return err
		}
	}
	if b.upto > 0 {
		if err := s.ch.Ack(b.upto, true); err != nil {
			return err
		}
	}
	for _, tag := range b.single {
		if err := s.ch.Ack(tag, false); err != nil {
			return err
		}
	}
	if in.tickets.wants() {
		poke(s.grow)
	}
	return nil
}
