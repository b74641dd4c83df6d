package outbox

import (
	"context"
	"errors"
	"time"

	"posthoorn/internal/deliver"
	"posthoorn/internal/mail"
	"posthoorn/internal/prepare"
)

// patience is how long a connection waits for content that waits for others, before it takes another message.
const patience = 100 * time.Millisecond

// unready is how long a message waits that is not ready, while too many others are not either.
const unready = 5 * time.Second

// begin starts to make the content of a message that a connection is about to get, unless that is done at once. It is made of a copy:
// the message itself may have its result before that is done.
func (e *Engine) begin(it *item) {
	if it.content == nil && !e.o.Prepare.Plain(it.m) {
		m := *it.m
		it.content = e.o.Prepare.Start(e.ctx, &m)
	}
}

// load yields the bytes for the wire, in the goroutine of a connection.
func (e *Engine) load(ctx context.Context, it *item) (deliver.Body, error) {
	var s prepare.Source
	var err error
	if it.content == nil {
		s, err = prepare.Message(it.m)
	} else {
		s, err = it.wait(ctx)
	}
	if err != nil {
		return deliver.Body{}, err
	}
	it.m.Set("extracted", s.Extracted(it.m.Envelope, it.m.Recipient))
	b := deliver.Body{Data: s.Data, EightBit: s.EightBit, UTF8Header: s.UTF8Header}
	if it.content == nil {
		b.Release = s.Release
	}
	return b, nil
}

// wait waits for content, but not for long while that waits for a store or a web server. Whatever keeps it from being had, but for
// the message itself, is no attempt: the loop finds out when the connection has given the message back.
func (it *item) wait(ctx context.Context) (s prepare.Source, err error) {
	for {
		limited, cancel := context.WithTimeout(ctx, patience)
		s, err = it.content.Wait(limited)
		cancel()
		if it.content.Ready() || it.content.Slow() || ctx.Err() != nil {
			break
		}
	}
	if _, final := errors.AsType[*mail.Error](err); err == nil || final {
		return s, err
	}
	if gone := ctx.Err(); gone != nil {
		return s, gone
	}
	return s, deliver.ErrUnready
}

// drop lets go of content that was made or begun.
func (it *item) drop() {
	if it.content != nil {
		it.content.Drop()
		it.content = nil
	}
}

// setAside keeps a message that has left the plan until its content is ready. Those that would be too many wait in the local queue:
// what is in memory is what all destinations share.
func (l *loop) setAside(now time.Time, it *item) {
	l.e.hand.setLane(it, false)
	if l.aside >= l.e.o.Consumers*l.e.o.Credit/4 {
		l.delay(it, now.Add(unready))
		return
	}
	l.aside++
	if it.content.Ready() {
		l.ready(now, it)
		return
	}
	done := it.content.Done()
	l.e.wg.Go(func() {
		<-done
		l.post(event{kind: evReady, item: it})
	})
}

// ready gives a message whose content is there, or cannot be had, to the plan again.
func (l *loop) ready(now time.Time, it *item) {
	l.aside--
	_, err := it.content.Wait(context.Background()) // it is done
	if d, later := errors.AsType[*prepare.Delayed](err); later && !l.stopping {
		l.delay(it, now.Add(d.For))
		return
	}
	if l.e.hand.setLane(it, true) && l.forgotten(it) {
		return
	}
	l.addItem(now, it)
}

// delay lets a message wait; that is no attempt.
func (l *loop) delay(it *item, until time.Time) {
	l.e.clerk.do(func() { l.e.guard(it, func() { l.e.putOff(it, until) }) })
}
