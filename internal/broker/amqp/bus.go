package amqp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

const (
	busLimit  = 1 << 20         // bytes of a message that is heard; longer ones are none of ours
	busExpiry = 5 * time.Second // for one Say
)

// BusOptions of NewBus.
type BusOptions struct {
	Address  string // cluster-address, as Options.Address
	Insecure bool   // cluster-verify: false
	Exchange string // cluster-exchange; empty: cluster
	Name     string // shown to the broker's operator; empty: posthoorn
	Logger   *slog.Logger
	Hear     func(body []byte) // called from one goroutine for every message, our own included
	Up       func()            // called whenever a connection was made, before anything is heard on it; nil: nobody asks
}

// Bus is the exchange that all instances of a cluster share (queues.md section 9): every one hears what any says, through a queue
// of its own that goes with its connection. It promises nothing: what is said while there is no connection is lost, and said again
// by whoever repeats itself. One goroutine keeps the connection.
type Bus struct {
	o       BusOptions
	cluster *cluster
	ch      atomic.Pointer[amqp091.Channel]
	saying  sync.Mutex
	stop    context.CancelFunc
	running sync.WaitGroup
}

// NewBus returns at once and connects in the background. The only error is an address that cannot be read.
func NewBus(o BusOptions) (*Bus, error) {
	nodes, err := parseAddress(o.Address)
	if err != nil {
		return nil, err
	}
	if o.Exchange == "" {
		o.Exchange = "cluster"
	}
	if o.Name == "" {
		o.Name = "posthoorn"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	b := &Bus{o: o, cluster: &cluster{nodes: nodes, insecure: o.Insecure, name: o.Name, logger: o.Logger}}
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	b.running.Go(func() { b.run(ctx) })
	return b, nil
}

// Say tells all instances. An error means that nobody may have heard it.
func (b *Bus) Say(ctx context.Context, body []byte) error {
	ch := b.ch.Load()
	if ch == nil {
		return errNotConnected
	}
	ctx, cancel := context.WithTimeout(ctx, busExpiry)
	defer cancel()
	result := make(chan error, 1)
	go func() {
		b.saying.Lock()
		defer b.saying.Unlock()
		result <- ch.PublishWithContext(ctx, b.o.Exchange, "", false, false, amqp091.Publishing{Body: body})
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends the connection, within seconds.
func (b *Bus) Close() error {
	b.stop()
	b.running.Wait()
	return nil
}

func (b *Bus) run(ctx context.Context) {
	var pace backoff
	for {
		l, err := b.cluster.keep(ctx, "cluster", &pace, func(error) {})
		if err != nil {
			return
		}
		began := time.Now()
		err = b.serve(ctx, l)
		b.ch.Store(nil)
		l.close()
		if ctx.Err() != nil {
			return
		}
		b.cluster.report("cluster", err)
		pace.worked(began)
		if pace.wait(ctx) != nil {
			return
		}
	}
}

func (b *Bus) serve(ctx context.Context, l *link) error {
	heard, err := b.listen(l)
	if err != nil {
		return err
	}
	if b.o.Up != nil {
		b.o.Up()
	}
	for {
		select {
		case d, ok := <-heard:
			if !ok {
				return errLost
			}
			if len(d.Body) <= busLimit {
				b.o.Hear(d.Body)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// listen binds a queue of our own. An exchange that is there is used as it is.
func (b *Bus) listen(l *link) (<-chan amqp091.Delivery, error) {
	look, err := l.conn.Channel()
	if err != nil {
		return nil, err
	}
	err = look.ExchangeDeclarePassive(b.o.Exchange, amqp091.ExchangeFanout, true, false, false, false, nil)
	ch, cerr := l.conn.Channel()
	if cerr != nil {
		return nil, errors.Join(err, cerr)
	}
	if isCode(err, amqp091.NotFound) {
		err = ch.ExchangeDeclare(b.o.Exchange, amqp091.ExchangeFanout, true, false, false, false, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("exchange %s: %w", b.o.Exchange, err)
	}
	q, err := ch.QueueDeclare("", false, true, true, false, amqp091.Table{"x-max-length": int32(10_000)})
	if err != nil {
		return nil, err
	}
	if err := ch.QueueBind(q.Name, "#", b.o.Exchange, false, nil); err != nil {
		return nil, err
	}
	heard, err := ch.Consume(q.Name, "", true, true, false, false, nil)
	if err == nil {
		b.ch.Store(ch)
	}
	return heard, err
}
