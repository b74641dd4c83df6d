package outbox

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"posthoorn/internal/localqueue"
	"posthoorn/internal/settle"
)

// The operator's actions are Explain, Backlog, Mail, RetryNow, Fail, Move and Evacuate. Each works in bounded batches while mail flows,
// tells progress (nil: nobody) how many messages it has done so far, and ends with its context or with Stop: what it has done then
// stays done, what it has not begun stays as it was, and the number that it returns says how far it came. Destinations are written
// as the plan has them: the recipient's domain in A-labels and lower case, an address literal, or host:port of a smarthost.

// Errors of the operator's actions, for errors.Is.
var (
	// ErrNotOwn: the address is none of this host.
	ErrNotOwn = errors.New("not an address of this host")
	// ErrNotRemote: there is no other broker that mail could be given back to.
	ErrNotRemote = errors.New("only with RabbitMQ: the queue of this process has no other readers")
	// ErrBusy: an evacuation is going on already.
	ErrBusy = errors.New("an evacuation is going on already")
	// ErrInTransaction: an evacuation for good could not end, since some mail is still in transaction or cannot be reported.
	ErrInTransaction = errors.New("some messages are still in transaction")
	// ErrStopping: the engine is being stopped.
	ErrStopping = errors.New("stopping")
)

// What an action has in hand at a time. It has this beside the credit of the feeder: on a bad day that is used up by mail that
// cannot be sent, and the operator must come through.
const (
	actionBatch = 256
	actionBytes = 16 << 20
)

// Mail counts what an action would find for a destination: what no connection carries. It touches none of it.
func (e *Engine) Mail(ctx context.Context, destination string) (BacklogLine, error) {
	line := BacklogLine{Destination: destination}
	err := e.inLoop(ctx, func(now time.Time) {
		for _, it := range e.loop.items {
			if it.site == destination && e.loop.plan.Waits(it.id) {
				line.Memory++
			}
		}
		if plan, ok := e.loop.plan.Explain(now, destination); ok {
			line.Since = plan.Oldest
		}
	})
	for _, p := range e.placesFor(destination) {
		line.Waiting += p.Count - p.InHand
		line.Since = earlier(line.Since, p.Since)
	}
	return line, err
}

// action is one of those that work through what waits.
type action struct {
	e        *Engine
	progress func(int)
	do       func(ctx context.Context, ws []localqueue.Waiting) (done int, err error)
	done     int
}

// overhaul decides anew about all that there is for a destination and that is not in transaction. The feeder may have been taking
// some when its places were shut, so memory is looked through twice.
func (a *action) overhaul(ctx context.Context, destination string, decide func(*item) (settle.Work, error)) (int, error) {
	ctx, end := a.e.untilStop(ctx)
	defer end()
	defer a.e.o.Waiting.Shut(destination)()
	a.do = func(ctx context.Context, ws []localqueue.Waiting) (int, error) {
		return a.e.settleAll(ctx, a.e.borrowAll(ws), decide)
	}
	err := a.memory(ctx, destination, decide)
	if err == nil {
		err = a.sweep(ctx, a.e.o.Waiting.PlacesOf(destination))
	}
	if err == nil {
		err = a.memory(ctx, destination, decide)
	}
	return a.done, err
}

// memory decides anew about what the plan holds for a destination.
func (a *action) memory(ctx context.Context, destination string, decide func(*item) (settle.Work, error)) error {
	items, err := a.e.pull(ctx, destination, anyItem)
	if err != nil {
		return err
	}
	n, err := a.e.settleAll(ctx, items, decide)
	a.count(n)
	return err
}

// sweep goes through places, each as it is now.
func (a *action) sweep(ctx context.Context, places []localqueue.PlaceInfo) error {
	for i := range places {
		if err := a.place(ctx, places[i].Place); err != nil {
			return err
		}
	}
	return nil
}

func (a *action) place(ctx context.Context, p localqueue.Place) error {
	sweep := a.e.o.Waiting.Sweep(p)
	var ws []localqueue.Waiting
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var err error
		if ws, err = sweep.Take(actionBatch, actionBytes, ws[:0]); err != nil || len(ws) == 0 {
			return err
		}
		n, err := a.do(ctx, ws)
		if a.count(n); err != nil {
			return err
		}
		clear(ws)
	}
}

func (a *action) count(n int) {
	a.done += n
	if n > 0 && a.progress != nil {
		a.progress(a.done)
	}
}

// places are those of one destination, or all of them.
func (e *Engine) placesFor(destination string) []localqueue.PlaceInfo {
	if destination == "" {
		return e.o.Waiting.Places()
	}
	return e.o.Waiting.PlacesOf(destination)
}

// untilStop is a context that ends with the engine too.
func (e *Engine) untilStop(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	forget := context.AfterFunc(e.ctx, func() { cancel(ErrStopping) })
	return ctx, func() { forget(); cancel(nil) }
}

// inLoop has the loop call fn and returns when it has. After an error it never calls it.
func (e *Engine) inLoop(ctx context.Context, fn func(now time.Time)) error {
	ctx, cancel := e.untilStop(ctx)
	defer cancel()
	if e.ctx.Err() != nil {
		return ErrStopping
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var claimed atomic.Bool
	done := make(chan struct{})
	e.loop.post(event{kind: evCall, call: func(now time.Time) {
		if claimed.CompareAndSwap(false, true) {
			defer close(done)
			fn(now)
		}
	}})
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	if claimed.CompareAndSwap(false, true) {
		return context.Cause(ctx)
	}
	<-done
	return nil
}

// pull takes items out of the plan: those of a destination (empty: all) that no connection carries and that want wants.
func (e *Engine) pull(ctx context.Context, destination string, want func(*item) bool) (list []*item, err error) {
	err = e.inLoop(ctx, func(now time.Time) {
		l := e.loop
		for id, it := range l.items {
			if (destination == "" || it.site == destination) && want(it) && l.plan.Remove(now, id) {
				delete(l.items, id)
				list = append(list, it)
			}
		}
	})
	for _, it := range list {
		e.hand.setLane(it, false)
	}
	return list, err
}

func anyItem(*item) bool { return true }

// borrow makes an item of a message that a sweep has taken; putBack or settled gives it free.
func (e *Engine) borrow(w *localqueue.Waiting) *item {
	e.feeder.borrowed()
	it := e.waitingItem(*w)
	e.hold(it)
	return it
}

// errUnchanged says that a message is to stay as it is.
var errUnchanged = errors.New("the message stays as it is")

// settleAll decides about items and settles them. It returns how many are durable, when all are or ctx ends; what is not settled
// then goes on by itself. Who is not decided about goes back to where it waited.
func (e *Engine) settleAll(ctx context.Context, items []*item, decide func(*item) (settle.Work, error)) (done int, err error) {
	results := make(chan error, len(items))
	for _, it := range items {
		w, err := e.decided(it, decide)
		if err == nil {
			w.Settled = func(err error) { results <- err }
			e.tell(it, it.forced, w)
			continue
		}
		e.stay(it)
		results <- errUnchanged
	}
	for range items {
		select {
		case one := <-results:
			switch {
			case one == nil:
				done++
			case !errors.Is(one, errUnchanged):
				err = one
			}
		case <-ctx.Done():
			return done, context.Cause(ctx)
		}
	}
	return done, err
}

// stay returns an item that nothing was decided about: to the local queue, or to the plan that it was pulled out of.
func (e *Engine) stay(it *item) {
	if it.waiting != 0 {
		e.putBack(it)
		return
	}
	e.loop.add(it)
}

// decided calls decide; a message whose handling panics stays as it is.
func (e *Engine) decided(it *item, decide func(*item) (settle.Work, error)) (w settle.Work, err error) {
	defer func() {
		if p := recover(); p != nil {
			e.log.Error("a message could not be handled for the operator", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = errUnchanged
		}
	}()
	return decide(it)
}

// borrowAll makes items of what a sweep has taken. About some it was decided already: their outcomes are published.
func (e *Engine) borrowAll(ws []localqueue.Waiting) []*item {
	items := make([]*item, 0, len(ws))
	for i := range ws {
		it := e.borrow(&ws[i])
		if !e.resume(it, ws[i].Outcome) {
			items = append(items, it)
		}
	}
	return items
}
