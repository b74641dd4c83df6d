package outbox

import (
	"errors"
	"sync"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/settle"
)

// settle starts the work for an item; it is called once for each. Who stands in w.Settled hears how it ended. What is to wait does not
// if its ticket is lost: the broker brings it again, to another instance perhaps, and then it would be sent by both.
func (e *Engine) settle(it *item, w settle.Work) {
	hear := w.Settled
	if w.Wait != nil && e.hand.forget(it) {
		e.release(it)
		if hear != nil {
			hear(errUnchanged)
		}
		return
	}
	w.Origin = e.origin(it)
	w.Settled = func(err error) {
		e.settled(it, err)
		if hear != nil {
			hear(err)
		}
	}
	e.metrics.settling.Inc()
	e.o.Settler.Settle(w)
}

// origin is what the settler needs: on a broker the ticket may change while the outcome is on its way, so it is not told.
func (e *Engine) origin(it *item) settle.Origin {
	o := settle.Origin{Identity: it.identity, Waiting: it.waiting}
	if !e.o.Remote {
		o.Ticket = it.ticket
	}
	return o
}

// settled hears that everything is durable, or why not: then the broker, or the local queue, keeps the message.
func (e *Engine) settled(it *item, err error) {
	e.metrics.settling.Dec()
	if err != nil {
		e.unsettled(it, err)
		return
	}
	e.discard(it)
	e.release(it)
	if it.waiting != 0 {
		e.feeder.ended(1)
		return
	}
	if !e.o.Remote {
		return
	}
	ticket, live, again := e.hand.settled(it)
	if live {
		e.acknowledge(ticket, it.identity)
	}
	e.redeliver(again)
}

// unsettled gives a message back whose outcome could not be made durable. Broker closed: the stop is on its way, the ledger has
// the outcome, and the end of the connection gives the ticket back.
func (e *Engine) unsettled(it *item, err error) {
	e.release(it)
	if !errors.Is(err, broker.ErrClosed) {
		e.log.Error("outcome of a message could not be made durable, it is handled again", "error", err)
	}
	if it.waiting != 0 {
		e.o.Waiting.BackWaiting(it.waiting)
		e.feeder.ended(1)
		return
	}
	ticket, live, again := e.hand.abandon(it)
	if live && !errors.Is(err, broker.ErrClosed) {
		e.input().Nack(ticket)
	}
	e.redeliver(again)
}

// redeliver handles what was held behind an item. It comes from another goroutine than the consumer's, never from the loop.
func (e *Engine) redeliver(ds []broker.Delivery) {
	if len(ds) > 0 {
		go func() {
			for _, d := range ds {
				e.Deliver(d)
			}
		}()
	}
}

// giveBack returns a message that was never attempted to where it came from.
func (e *Engine) giveBack(it *item) {
	if it.waiting != 0 {
		e.putBack(it)
		return
	}
	e.release(it)
	ticket, live, again := e.hand.abandon(it)
	if live {
		e.input().Nack(ticket)
	}
	e.redeliver(again)
}

// putBack returns a message to the local queue at its old time.
func (e *Engine) putBack(it *item) {
	e.release(it)
	e.o.Waiting.BackWaiting(it.waiting)
	e.feeder.ended(1)
}

func (e *Engine) acknowledge(t broker.Ticket, id settle.Identity) {
	e.input().Ack(t)
	e.acks.add(id)
}

func (e *Engine) input() broker.Consumer { return e.consumer.Load().Consumer }

// acks gathers the identities whose ack went out, for the ledger to let them age.
type acks struct {
	mu  sync.Mutex
	ids []settle.Identity
}

func (a *acks) add(id settle.Identity) {
	a.mu.Lock()
	a.ids = append(a.ids, id)
	a.mu.Unlock()
}

func (a *acks) take() []settle.Identity {
	a.mu.Lock()
	defer a.mu.Unlock()
	ids := a.ids
	a.ids = nil
	return ids
}

// keepHouse runs once a second: it lets the ledger age, forgets what nobody claims, and looks at what stops consuming.
func (e *Engine) keepHouse(now time.Time) {
	if ids := e.acks.take(); len(ids) > 0 {
		e.o.Settler.Acked(ids)
	}
	e.hand.sweep(now)
	if e.consuming() {
		e.o.Ledger.Age(now, e.hand.has)
	}
	e.checkRoom()
}

// consuming says that what the broker has to bring again would come.
func (e *Engine) consuming() bool {
	_, blocked := e.o.Broker.Blocked()
	return !blocked && e.brake.free() && e.input().Connected()
}
