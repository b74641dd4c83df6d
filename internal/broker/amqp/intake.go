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
