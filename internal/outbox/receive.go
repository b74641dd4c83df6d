package outbox

import (
	"crypto/sha256"
	"fmt"
	"runtime/debug"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/mail"
	"posthoorn/internal/settle"
)

// identify is the identity of a delivery: senders choose the bytes, so no plain checksum.
func identify(body []byte) settle.Identity {
	sum := sha256.Sum256(body)
	return settle.Identity(sum[:16])
}

// Deliver takes one delivery of the broker; part of broker.Handler.
func (e *Engine) Deliver(d broker.Delivery) {
	var id settle.Identity
	if e.o.Remote {
		id = identify(d.Body)
		switch e.hand.admit(d, id) {
		case isKnown:
			return
		case isDone:
			e.acknowledge(d.Ticket, id)
			return
		}
	}
	it := &item{id: e.nextID.Add(1), identity: id, ticket: d.Ticket, body: d.Body, size: int64(len(d.Body)) + itemOverhead}
	e.hold(it)
	if d.Redelivered && e.o.Remote && e.replay(it) {
		return
	}
	if d.Err == nil && e.careful.take(it, d.Redelivered) {
		return
	}
	e.guard(it, func() { e.pickup(it, d.Err) })
}

// itemOverhead is what an item weighs in the byte budget beside its body.
const itemOverhead = 1 << 10

// hold counts an item in; settled or unsettled count it out.
func (e *Engine) hold(it *item) {
	if it.waiting == 0 && e.o.Remote {
		e.hand.add(it)
	}
	it.taken = time.Now()
	e.metrics.inHand.Inc()
	e.inHand.Add(1)
	e.weigh(it.size)
}

// grow counts in what is made of a message beside its body, until it is released.
func (e *Engine) grow(it *item, bytes int) {
	it.size += int64(bytes)
	e.weigh(int64(bytes))
}

func (e *Engine) weigh(bytes int64) {
	if e.bytes.Add(bytes) > e.o.ByteBudget {
		e.brake.press(brakeBytes)
	}
}

func (e *Engine) release(it *item) {
	it.drop()
	e.careful.released(it)
	e.metrics.inHand.Dec()
	e.inHand.Add(-1)
	if e.bytes.Add(-it.size) < e.o.ByteBudget/2 {
		e.brake.release(brakeBytes)
	}
}

// replay publishes an outcome again that the ledger knows.
func (e *Engine) replay(it *item) bool {
	outcome, ok := e.o.Ledger.Lookup(it.identity)
	if !ok {
		e.metrics.unknownAgain.Inc()
		return false
	}
	ps, err := settle.Decode(outcome)
	if err != nil {
		e.log.Error("outcome in the ledger is not readable, the message is handled as new", "error", err)
		return false
	}
	e.settle(it, settle.Work{Publish: ps, Replay: true})
	return true
}

// Lost is told that the tickets of a channel are stale; part of broker.Handler.
func (e *Engine) Lost(channel uint32, epoch uint64) {
	leave, again := e.hand.lost(channel, epoch, time.Now())
	e.loop.post(event{kind: evLeave, items: leave})
	for _, d := range again {
		e.Deliver(d)
	}
}

// guard turns a panic while handling a message into its result: it is set aside, not tried for ever.
func (e *Engine) guard(it *item, handle func()) {
	defer func() {
		if p := recover(); p != nil {
			e.log.Error("a message could not be handled", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			e.refuse(it, &mail.Error{Code: 554, Status: "5.3.0", State: mail.StateUnknown, Kind: mail.Failed})
		}
	}()
	handle()
}
