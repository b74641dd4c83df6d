// Package amqp is the broker on RabbitMQ (3.3.1 or later), over AMQP 0-9-1 and its confirms, basic.nack, consumer cancel
// notifications and connection.blocked. It is the only folder that knows the AMQP library.
//
// What it promises beyond package broker: every publishing is mandatory and confirmed; what a broken connection leaves
// unconfirmed is published again, with the same message-id, until the Send's ctx or Options.SendTimeout ends; an ack with
// multiple=true never covers an open ticket; a ticket of an earlier channel settles nothing; a broker that is blocked, silent or
// gone holds up nobody but the goroutines of this package, and Close ends within seconds all the same. Passwords are in no log
// and no error.
//
// Publishings, deliveries and declares have connections of their own, since a broker with an alarm stops reading from those that
// publish. Several publishers keep the order of what one of them takes only: order over all needs one publisher.
//
// Goroutines: two for each publisher and two for each consuming channel, besides those of the library and one for each socket;
// one that declares queues of messages on their way, one that ends sendings whose time is over.
package amqp

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"posthoorn/internal/broker"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

const (
	headerHandover = "x-handover" // queues.md section 9

	defaultWindow  = 100
	defaultMaxBody = 256 << 20

	sweepInterval = 100 * time.Millisecond
	closeGrace    = time.Second // for confirms that are under way
)

// Broker is the adapter for RabbitMQ.
type Broker struct {
	o          Options
	mode       uint8 // delivery mode
	cluster    *cluster
	codec      codec
	names      directory
	topology   *topology
	publishers []*publisher
	lane       lane
	metrics    *metrics
	epochs     atomic.Uint64
	channels   atomic.Uint32
	stop       context.CancelFunc
	running    sync.WaitGroup

	mu        sync.Mutex
	consumers map[*consumer]struct{}
	closed    bool
}

// New returns at once; connections are made, and made again, in the background. The only error is an address that cannot be read.
func New(o Options) (*Broker, error) {
	nodes, err := parseAddress(o.Address)
	if err != nil {
		return nil, err
	}
	o = o.withDefaults()
	b := &Broker{
		o: o, mode: amqp091.Persistent,
		cluster:   &cluster{nodes: nodes, insecure: o.Insecure, name: o.Name, logger: o.Logger},
		codec:     codec{max: o.MaxBody},
		names:     directory{names: map[string]*name{}},
		lane:      lane{gate: gate{limit: o.Window}, more: make(chan struct{}, 1)},
		consumers: map[*consumer]struct{}{},
	}
	if o.NotPersistent {
		b.mode = amqp091.Transient
	}
	b.metrics = newMetrics(o.Registerer, b.unconfirmed, b.out)
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	b.topology = &topology{b: b, life: ctx, turn: make(chan struct{}, 1)}
	for i := range o.Publishers {
		p := newPublisher(b, i+1)
		b.publishers = append(b.publishers, p)
	}
	for _, p := range b.publishers {
		b.running.Go(func() { p.run(ctx) })
	}
	b.running.Go(func() { b.resolve(ctx) })
	b.running.Go(func() { b.sweep(ctx) })
	return b, nil
}

// Send publishes what belongs together on one connection. See broker.Sender.
func (b *Broker) Send(ctx context.Context, ps []broker.Publishing, done broker.Done) {
	if len(ps) == 0 {
		go done(nil)
		return
	}
	s, err := b.newSending(ctx, ps, done)
	if err != nil {
		go done(err) // never from within Send
		return
	}
	if !b.o.NoDeclare {
		ready, err := b.names.look(s)
		if err != nil {
			go done(err)
			return
		}
		if !ready {
			b.hold(s)
			return
		}
	}
	p := b.pick()
	if err := p.gate.enter(ctx, len(s.entries)); err != nil {
		go done(p.explain(err))
		return
	}
	p.push(s)
}

// pick takes the publisher with the least to do, of those that work if there are any.
func (b *Broker) pick() *publisher {
	best, bestLoad, bestWorks := b.publishers[0], 0, false
	if len(b.publishers) == 1 {
		return best
	}
	for i, p := range b.publishers {
		load, works := p.load(), p.trouble.Load() == nil
		if i == 0 || works && !bestWorks || works == bestWorks && load < bestLoad {
			best, bestLoad, bestWorks = p, load, works
		}
	}
	return best
}

// Declare makes the queues that are missing and binds them to the exchange; with NoDeclare it only looks at them. It tries all of
// them and joins the errors; trouble with the connection is one too: the caller tries again. An outbox among them that could lose
// mail is warned of.
func (b *Broker) Declare(ctx context.Context, queues ...string) error {
	var all []error
	for _, q := range queues {
		err := b.declare(ctx, q)
		if err != nil {
			err = errors.Join(errors.New("queue "+q), err)
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}

func (b *Broker) declare(ctx context.Context, queue string) error {
	if b.o.NoDeclare {
		return b.topology.do(ctx, func() error {
			_, err := b.topology.look(queue)
			return answer("look at queue", err)
		})
	}
	err := b.topology.ensure(ctx, queue)
	b.names.note(queue, err)
	if err == nil && queue == b.o.Outbox {
		err = b.topology.do(ctx, b.topology.checkOutbox)
	}
	return err
}

// Blocked says why nothing can be published now: an alarm of the broker, or no connection at all.
func (b *Broker) Blocked() (string, bool) {
	reason, working := "", false
	for _, p := range b.publishers {
		t := p.trouble.Load()
		switch {
		case t == nil:
			working = true
		case t.alarm:
			return t.reason, true
		default:
			reason = t.reason
		}
	}
	if working {
		return "", false
	}
	return reason, true
}

// sweep ends sendings whose time is over.
func (b *Broker) sweep(ctx context.Context) {
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			b.sweepLane(now)
			alarm := false
			for _, p := range b.publishers {
				p.sweep(now)
				t := p.trouble.Load()
				alarm = alarm || t != nil && t.alarm
			}
			if alarm {
				b.metrics.blockedSeconds.Add(sweepInterval.Seconds())
			}
		case <-ctx.Done():
			return
		}
	}
}

func (b *Broker) unconfirmed() float64 {
	n := 0
	for _, p := range b.publishers {
		n += p.unconfirmed()
	}
	return float64(n)
}

func (b *Broker) out() float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for c := range b.consumers {
		for _, in := range c.intakes {
			n += in.tickets.current()
		}
	}
	return float64(n)
}

// Close ends the consumers, waits a moment for confirms that are under way, and fails what is left with broker.ErrClosed. It
// takes a few seconds at most.
func (b *Broker) Close() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	var open []*consumer
	for c := range b.consumers {
		open = append(open, c)
	}
	b.mu.Unlock()
	var closing sync.WaitGroup
	for _, c := range open {
		closing.Go(func() { _ = c.Close() })
	}
	closing.Wait()
	b.settleDown()
	b.stop()
	b.running.Wait()
	b.topology.close()
	return nil
}

// settleDown waits until nothing is unconfirmed, as long as that may still come.
func (b *Broker) settleDown() {
	deadline := time.Now().Add(closeGrace)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for time.Now().Before(deadline) {
		if _, blocked := b.Blocked(); blocked || b.idle() {
			return
		}
		<-tick.C
	}
}

func (b *Broker) idle() bool {
	for _, p := range b.publishers {
		if !p.empty() {
			return false
		}
	}
	return b.lane.gate.inside() == 0
}
