package settle

import (
	"errors"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/mail"
)

// attempt brings one publication into its queue, however often it takes.
type attempt struct {
	r     *Remote
	p     Publication
	began time.Time
	small bool // the content was left out already
	done  func(error)
}

func (a *attempt) send() {
	if a.p.Queue == "" {
		a.done(nil)
		return
	}
	a.r.o.Sender.Send(a.r.ctx, []broker.Publishing{a.p.Publishing}, a.sent)
}

func (a *attempt) sent(err error) {
	switch {
	case err == nil:
		a.done(nil)
	case errors.Is(err, broker.ErrClosed) || a.r.ctx.Err() != nil:
		a.done(broker.ErrClosed)
	case errors.Is(err, broker.ErrTooBig):
		a.shrink(err)
	case errors.Is(err, broker.ErrUnroutable) && a.p.Override && time.Since(a.began) >= a.r.o.Patience:
		a.redirect(err)
	default:
		a.again(err)
	}
}

// again tries later. A queue of the file holds its messages for as long as it cannot be reached.
func (a *attempt) again(err error) {
	a.r.metrics.republished.Inc()
	if !a.p.Override {
		a.r.alarm(a.p.Queue, err)
	}
	time.AfterFunc(a.r.o.Pause, a.send)
}

// redirect gives up an override queue: the result goes to the queue of the file, or nowhere, and to the log.
func (a *attempt) redirect(err error) {
	a.r.metrics.redirected.Inc()
	a.r.o.Logger.Error("queue named by a message cannot be reached, its result goes to the configured queue", "queue", a.p.Queue, "instead", a.p.Fallback, "error", err)
	a.p.Queue, a.p.Override = a.p.Fallback, false
	go a.send()
}

// shrink leaves the MIME data out of a result that is larger than the broker takes; nothing is tried blindly again.
func (a *attempt) shrink(err error) {
	if m, perr := mail.Parse(a.p.Body, mail.Rules{LooseEnvelope: true, LooseRecipient: true}); m != nil && !a.small {
		_ = perr // a message that cannot be sent still has properties to publish
		m.RemoveContent()
		a.p.Body, a.small = m.Append(nil), true
		a.r.o.Logger.Error("result is larger than the broker takes, published without mime", "queue", a.p.Queue, "id", a.p.ID, "error", err)
		go a.send()
		return
	}
	a.r.o.Logger.Error("result is larger than the broker takes and is not published", "queue", a.p.Queue, "id", a.p.ID, "error", err)
	a.done(nil)
}

// alarm tells once a minute that a queue of the file cannot be published to.
func (r *Remote) alarm(queue string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.alarmed[queue]) >= time.Minute {
		r.alarmed[queue] = now
		r.o.Logger.Error("queue cannot be published to: its messages are held and nothing is acknowledged", "queue", queue, "error", err)
	}
}
