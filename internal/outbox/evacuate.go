package outbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/localqueue"
	"posthoorn/internal/mail"
)

// Evacuate gives what waits for a destination (empty: everything) back to RabbitMQ, to the outbox or to another queue, for another
// instance to take over (queues.md section 8). Nothing is consumed meanwhile. Each message is removed here when the broker has
// confirmed it: a kill in the middle may double a few, none is lost. It returns how many were given back.
//
// With stop the process is to end after it: nothing new is sent any more, what is in transaction is waited for and given back too
// if it has to wait, and after success nothing is consumed again. Without, mail that is in transaction stays.
func (e *Engine) Evacuate(ctx context.Context, destination, to string, stop bool, progress func(int)) (int, error) {
	if !e.o.Remote {
		return 0, ErrNotRemote
	}
	to = cmp.Or(to, e.o.Queues.Outbox)
	if err := e.queueThere(ctx, to); err != nil {
		return 0, fmt.Errorf("queue %q: %w", to, err)
	}
	if !e.brake.claim(brakeEvacuate) {
		return 0, ErrBusy
	}
	ctx, end := e.untilStop(ctx)
	defer end()
	v := &evacuation{destination: destination, to: to, stop: stop, action: action{e: e, progress: progress}}
	v.do = v.publish
	err := v.run(ctx)
	if !stop || err != nil {
		v.open()
		e.brake.release(brakeEvacuate)
	}
	return v.done, err
}

// queueCounter is what a broker adapter may have: a look at a queue that does not make it.
type queueCounter interface {
	Count(ctx context.Context, queue string) (messages, consumers int, err error)
}

// queueThere fails if mail cannot be published to a queue.
func (e *Engine) queueThere(ctx context.Context, queue string) error {
	if b, ok := e.o.Broker.(queueCounter); ok {
		_, _, err := b.Count(ctx, queue)
		return err
	}
	return e.o.Broker.Declare(ctx, queue)
}

// evacuation is one on its way.
type evacuation struct {
	action
	destination, to string
	stop            bool
	open            func() // lets the local queue hand out again
}

func (v *evacuation) run(ctx context.Context) error {
	shut := v.destination
	if v.stop {
		shut = ""
		v.e.careful.giveUp()
	}
	v.open = v.e.o.Waiting.Shut(shut)
	pausing, cancel := context.WithTimeout(ctx, brakeWait)
	defer cancel()
	defer v.e.brake.doubt() // it may not have looked yet, and not before this is over
	if err := v.e.input().Pause(pausing); err != nil {
		return fmt.Errorf("consuming could not be stopped: %w", err)
	}
	tick := time.NewTicker(evacuateTick)
	defer tick.Stop()
	quiet := stillness{limit: stopLate}
	for {
		n, err := v.pass(ctx)
		if err != nil || n == 0 && v.empty() {
			return err
		}
		if quiet.over(time.Now(), v.done, v.e.inHand.Load()) {
			return ErrInTransaction
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// evacuateTick is the time between two passes: what was in hand in one of them may wait again in the next.
const evacuateTick = 20 * time.Millisecond

// pass takes back what is in memory, and gives away what waits.
func (v *evacuation) pass(ctx context.Context) (int, error) {
	from, want := v.destination, func(it *item) bool { return it.waiting != 0 }
	if v.stop {
		from, want = "", anyItem
	}
	items, err := v.e.pull(ctx, from, want)
	for _, it := range items {
		v.e.giveBack(it)
	}
	if err != nil {
		return len(items), err
	}
	before := v.done
	err = v.sweep(ctx, v.e.placesFor(v.destination))
	return len(items) + v.done - before, err
}

// empty says that nothing more can come to wait, as far as anybody waits for that.
func (v *evacuation) empty() bool {
	if !v.stop {
		return true
	}
	return v.e.inHand.Load() == 0 && len(v.e.placesFor(v.destination)) == 0
}

// publish gives a batch away. What was not confirmed goes on waiting here.
func (v *evacuation) publish(ctx context.Context, ws []localqueue.Waiting) (int, error) {
	items := v.e.borrowAll(ws)
	sending, cancel := lingering(ctx)
	defer cancel()
	type answer struct {
		it  *item
		err error
	}
	answers := make(chan answer, len(items))
	for _, it := range items {
		p := broker.Publishing{Queue: v.to, Priority: it.priority, ID: it.messageID(0), Body: v.e.evacuee(it, time.Now())}
		v.e.o.Broker.Send(sending, []broker.Publishing{p}, func(err error) { answers <- answer{it, err} })
	}
	var gone []*item
	var failed error
	for range items {
		a := <-answers
		if a.err == nil {
			gone = append(gone, a.it)
			continue
		}
		failed = a.err
		v.e.putBack(a.it)
	}
	return v.remove(ctx, gone, failed)
}

// lingering ends a little later than ctx: what was published is confirmed within moments, and is not to wait here as well.
func lingering(ctx context.Context) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	forget := context.AfterFunc(ctx, func() { time.AfterFunc(linger, cancel) })
	return late, func() { forget(); cancel() }
}

// linger is for the confirms of what is on its way when an evacuation is to end.
const linger = 2 * time.Second

// remove ends what the broker has confirmed. If that cannot be written, it waits here and there.
func (v *evacuation) remove(ctx context.Context, gone []*item, failed error) (int, error) {
	if len(gone) == 0 {
		return 0, failed
	}
	b := new(localqueue.Batch)
	for _, it := range gone {
		b.Remove(it.waiting)
	}
	if err := v.e.o.Records.Do(context.WithoutCancel(ctx), b); err != nil {
		for _, it := range gone {
			v.e.putBack(it)
		}
		return 0, fmt.Errorf("%d messages were given back and still wait here, they will be sent twice: %w", len(gone), errors.Join(err, failed))
	}
	for _, it := range gone {
		v.e.release(it)
		v.e.feeder.ended(1)
	}
	return len(gone), failed
}

// evacuee is a waiting message as it is given back: with the time until which it has to wait, in the form that it uses itself, and
// with another moment of seen, so that no ledger takes it for one that was done before.
func (e *Engine) evacuee(it *item, now time.Time) (body []byte) {
	defer func() {
		if p := recover(); p != nil {
			e.log.Error("a message could not be read and is given back as it is", "panic", fmt.Sprint(p))
			body = it.body
		}
	}()
	m, err := mail.Parse(it.body, e.o.Rules)
	if err != nil {
		return it.body // whoever takes over reports it
	}
	switch {
	case it.due.After(now):
		m.SetNotBefore(it.due.Add(time.Second - 1).Truncate(time.Second))
	case m.NotBefore.After(now):
		m.SetNotBefore(now)
	}
	for known := true; known; now = now.Add(time.Second) {
		m.SetSeen(now)
		body = m.Append(make([]byte, 0, len(it.body)+64))
		_, known = e.o.Ledger.Lookup(identify(body))
	}
	return body
}

// stillness notices that nothing has happened for long.
type stillness struct {
	limit time.Duration
	since time.Time
	done  int
	left  int64
}

func (s *stillness) over(now time.Time, done int, left int64) bool {
	if s.since.IsZero() || done != s.done || left != s.left {
		s.since, s.done, s.left = now, done, left
	}
	return now.Sub(s.since) > s.limit
}
