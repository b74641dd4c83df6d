package outbox

import (
	"context"
	"log/slog"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/deliver"
	"posthoorn/internal/mail"
	"posthoorn/internal/prepare"
	"posthoorn/internal/report"
	"posthoorn/internal/settings"
)

// New makes an engine; Start starts it.
func New(o Options) *Engine {
	o = o.withDefaults()
	e := &Engine{
		o: o, log: o.Logger, hand: newHand(), brake: newBrake(), clerk: newClerk(),
		discards: make(chan string, maxDiscards),
		client:   deliver.New(o.Deliver), ready: make(chan struct{}),
	}
	e.metrics = newMetrics(o.Registerer, e)
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.aliases.changed = make(chan struct{}, 1)
	e.rules.Store(e.newRules(time.Now()))
	e.feeder = newFeeder(e, o.Consumers*o.Credit)
	e.loop = newLoop(e)
	e.careful = &careful{e: e}
	return e
}

func (o Options) withDefaults() Options {
	o.Consumers = max(o.Consumers, 1)
	if o.Credit == 0 {
		o.Credit = 1000
	}
	if o.ByteBudget == 0 {
		o.ByteBudget = 256 << 20
	}
	if o.MaxDelivery == 0 {
		o.MaxDelivery = 24 * time.Hour
	}
	if len(o.Intervals) == 0 {
		o.Intervals = []time.Duration{10 * time.Minute}
	}
	o.Notices.Default = report.Asked(o.Notices.Default, mail.DSN{Notify: "FAILURE", Ret: "HDRS"})
	if o.Settings == nil {
		empty := settings.Empty()
		o.Settings = func() *settings.Snapshot { return empty }
	}
	if o.Prepare == nil {
		o.Prepare = prepare.New(prepare.Options{Log: o.Logger})
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Start begins to consume and to deliver.
func (e *Engine) Start() error {
	ctx, end := context.WithCancel(context.Background())
	e.end = end
	looping, halt := context.WithCancel(ctx)
	over := make(chan struct{})
	e.halt = func() { halt(); <-over }
	e.background.Go(func() { e.loop.run(looping); close(over) })
	e.background.Go(func() { e.clerk.run(ctx) })
	if err := e.careful.begin(time.Now()); err != nil {
		return err
	}
	if err := e.finishOpen(); err != nil {
		return err
	}
	consumer, err := e.o.Broker.Consume(e.o.Queues.Outbox, e.o.Consumers, e.o.Credit, arrivals{e})
	if err != nil {
		return err
	}
	e.consumer.Store(&consumerBox{consumer})
	close(e.ready)
	e.background.Go(func() { e.feeder.run(ctx) })
	e.background.Go(func() { e.runBrake(ctx) })
	e.background.Go(func() { e.runHouse(ctx) })
	e.background.Go(func() { e.runAliases(ctx) })
	if e.o.Bodies != nil {
		e.background.Go(func() { e.runDiscards(ctx) })
	}
	return nil
}

// arrivals holds the first deliveries back until Start knows the consumer that they will be acknowledged to.
type arrivals struct{ e *Engine }

func (a arrivals) Deliver(d broker.Delivery) {
	<-a.e.ready
	a.e.Deliver(d)
}

func (a arrivals) Lost(channel uint32, epoch uint64) {
	<-a.e.ready
	a.e.Lost(channel, epoch)
}

func (e *Engine) runHouse(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			e.keepHouse(now)
		}
	}
}

// How long a stop takes at most: everything is over within stopSoon, but for connections past their final dot, whose reply decides.
const (
	stopSoon = 5 * time.Second
	stopLate = 62 * time.Second
)

// Stop starts nothing new, finishes what is past its final dot, and gives everything else back. True: every message is settled and
// its ack has reached the broker.
func (e *Engine) Stop(ctx context.Context) bool {
	e.brake.press(brakeStop)
	e.feeder.stop()
	e.loop.post(event{kind: evCall, call: func(now time.Time) { e.loop.stop(now) }})
	e.cancel()
	e.careful.giveUp()
	clean := e.drain(ctx)
	e.o.Settler.Close()
	e.halt()    // it starts what is waited for
	e.wg.Wait() // results that are being written still get to their queue: what goes back when the input is closed is sent again
	e.clerk.wait()
	clean = e.flush(ctx) && e.hand.size() == 0 && clean
	e.careful.finish(ctx)
	if err := e.input().Close(); err != nil {
		e.log.Warn("outbox consumer did not close well", "error", err)
		clean = false
	}
	e.end()
	e.background.Wait()
	return clean
}

// drain waits until nothing is in hand and no connection is open.
func (e *Engine) drain(ctx context.Context) bool {
	began := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	told := began
	for {
		s := e.loop.state()
		left := e.inHand.Load()
		if s.links == 0 && left == 0 {
			return true
		}
		took := time.Since(began)
		if took > stopLate || took > stopSoon && s.dots == 0 {
			e.log.Warn("stopping with work unfinished; outcomes are in the ledger, the rest comes again", "messages", left, "connections", s.links)
			return false
		}
		if time.Since(told) > 3*time.Second {
			told = time.Now()
			e.log.Info("stopping: still waiting", "messages", left, "connections", s.links, "waiting for the reply to the final dot", s.dots)
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

// flush makes sure that the acks have reached the broker.
func (e *Engine) flush(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if err := e.input().Flush(ctx); err != nil {
		e.log.Warn("acks may not have reached the broker; the ledger keeps the outcomes", "error", err)
		return false
	}
	e.keepHouse(time.Now())
	return true
}

// state is what a stop waits for.
type state struct{ links, dots int }

// state asks the loop; it answers at its next turn.
func (l *loop) state() state {
	answer := make(chan state, 1)
	l.post(event{kind: evCall, call: func(time.Time) {
		s := state{links: len(l.links)}
		for _, k := range l.links {
			if k.conn != nil && k.conn.Phase() == deliver.Waiting {
				s.dots++
			}
		}
		answer <- s
	}})
	return <-answer
}

// stop makes the plan hand out nothing more; what it holds comes out as parked.
func (l *loop) stop(now time.Time) {
	l.stopping = true
	l.plan.Stop(now)
}
