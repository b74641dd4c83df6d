package outbox

import (
	"errors"
	"time"

	"posthoorn/internal/localqueue"
	"posthoorn/internal/mail"
)

// pickup reads a message, checks its limits, and gives it to the plan or lets it wait (message-json.md section 10, steps 1 to 5).
// broken is why the body could not be decoded. False: it waits on where it did, or is the plan's now.
func (e *Engine) pickup(it *item, broken error) (moved bool) {
	m, err := mail.Parse(it.body, e.o.Rules)
	if broken != nil {
		m, err = nil, broken
	}
	it.m = m
	if err != nil {
		e.unreadable(it, err)
		return true
	}
	for _, w := range m.Warnings {
		e.log.Warn("message property ignored", "recipient", m.Recipient.String(), "reason", w)
	}
	it.priority = m.Priority
	now := time.Now()
	if e.expired(m, now) {
		e.refuse(it, errExpired)
		return true
	}
	e.stamp(m, now)
	w, refusal := e.route(it)
	if refusal != nil {
		e.refuse(it, refusal)
		return true
	}
	return e.goWay(it, w, now)
}

// goWay gives a message to the plan, or lets it wait for its time or the end of a pause; the answer is that of pickup.
func (e *Engine) goWay(it *item, w way, now time.Time) (moved bool) {
	w.take(it)
	switch {
	case it.waiting == 0 && it.m.NotBefore.After(now):
		return e.park(it, it.m.NotBefore)
	case w.paused:
		return e.park(it, now)
	case w.pool == nil:
		e.refuse(it, e.noAddress())
		return true
	case it.waiting != 0 && it.class.Tags != "" && it.place.Hold != it.from.Hold:
		return e.park(it, now) // only the plan knows whether it is paused: it is not to come back in front of others
	}
	e.loop.add(it)
	return false
}

// unreadable ends a message that is no JSON object or has no recipient.
func (e *Engine) unreadable(it *item, err error) {
	reason, ok := errors.AsType[*mail.Error](err)
	if !ok {
		reason = &mail.Error{Code: 554, Status: "5.6.0", State: mail.StateAMQP, Kind: mail.Invalid, Cause: err}
	}
	e.log.Warn("message in the outbox cannot be sent", "error", err)
	e.refuse(it, reason)
}

// errExpired is the end of a message whose limit was reached while it waited.
var errExpired = &mail.Error{Code: 554, Status: "5.4.7", State: mail.StateAMQP, Kind: mail.Timeout}

// expired says that a limit was reached before this pickup.
func (e *Engine) expired(m *mail.Message, now time.Time) bool {
	if !m.Deadline.IsZero() && !m.Deadline.After(now) {
		return true
	}
	limit := e.maxAttempts(m)
	return limit > 0 && m.Attempts >= limit
}

func (e *Engine) maxAttempts(m *mail.Message) int {
	if m.HasMax {
		return m.MaxAttempts
	}
	return e.o.MaxAttempts
}

// stamp computes the deadline at the first pickup; from then on it stands in everything that is published of the message.
func (e *Engine) stamp(m *mail.Message, now time.Time) {
	if !m.Deadline.IsZero() {
		return
	}
	from := now
	if m.NotBefore.After(now) {
		from = m.NotBefore
	}
	m.SetDeadline(from.Add(e.o.MaxDelivery))
}

// park lets a message wait in the local queue; that is no attempt. False: it has only gone back.
func (e *Engine) park(it *item, until time.Time) (moved bool) {
	if it.waiting != 0 && it.place == it.from {
		e.putBack(it)
		return false
	}
	e.putOff(it, it.inLine(until))
	return true
}

// inLine is until when a message waits that could go on at until: what has waited before keeps its place in the line.
func (it *item) inLine(until time.Time) time.Time {
	if it.waiting != 0 && it.due.Before(until) && !until.After(time.Now()) {
		return it.due
	}
	return until
}

// putOff lets a message wait until then, also one that has waited for something else.
func (e *Engine) putOff(it *item, until time.Time) {
	it.m.SetSeen(time.Now())
	e.metrics.parked.Inc()
	e.settle(it, parkWork(it, until))
}

// waitingFor is how a message stands in the local queue.
func waitingFor(it *item, due time.Time, body []byte) *localqueue.Waiting {
	return &localqueue.Waiting{Place: it.place, Due: due, Deadline: it.m.Deadline, Priority: it.priority, Body: body}
}
