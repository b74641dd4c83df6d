package settle

import (
	"encoding/json"
	"errors"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/mail"
)

// attempt brings one publication into its queue, however often it takes.
type attempt struct {
	r       *Remote
	p       Publication
	failing time.Time // the queue could not be reached for the first time; zero: not yet
	cuts    int       // how often the body was made smaller
	done    func(error)
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
		if a.p.Override {
			a.r.bad.works(a.p.Queue)
		}
		a.done(nil)
	case errors.Is(err, broker.ErrClosed) || a.r.ctx.Err() != nil:
		a.done(broker.ErrClosed)
	case errors.Is(err, broker.ErrTooBig) && a.p.Whole:
		a.r.o.Logger.Error("notification is larger than the broker takes and is not published", "queue", a.p.Queue, "id", a.p.ID, "error", err)
		a.done(nil)
	case errors.Is(err, broker.ErrTooBig):
		go a.shrink(err)
	case a.p.Override && !errors.Is(err, broker.ErrBlocked) && a.hopeless(time.Now()):
		a.redirect(err)
	default:
		a.again(err)
	}
}

// hopeless says whether patience with an override queue is at its end. Another message may have lost it already: then this one
// does not wait, since what waits here holds the credit of all mail.
func (a *attempt) hopeless(now time.Time) bool {
	since := a.r.bad.fails(a.p.Queue, now, a.r.o.Patience)
	if a.failing.IsZero() || since.Before(a.failing) {
		a.failing = since
	}
	return now.Sub(a.failing) >= a.r.o.Patience
}

// again tries later. A queue of the file holds its messages for as long as it cannot be reached.
func (a *attempt) again(err error) {
	a.r.metrics.republished.Inc()
	if !a.p.Override {
		a.r.alarm(a.p.Queue, err)
	}
	go func() {
		select {
		case <-time.After(a.r.o.Pause):
			a.send()
		case <-a.r.ctx.Done():
			a.done(broker.ErrClosed)
		}
	}()
}

// redirect gives up an override queue: the result goes to the queue of the file, or nowhere, and to the log.
func (a *attempt) redirect(err error) {
	a.r.metrics.redirected.Inc()
	a.r.o.Logger.Error("queue named by a message cannot be reached, its result goes to the configured queue", "queue", a.p.Queue, "instead", a.p.Fallback, "id", a.p.ID, "error", err)
	a.p.Queue, a.p.Override = a.p.Fallback, false
	go a.send()
}

// shrink makes a result smaller that the broker does not take: without its MIME data, then without all that is long. Nothing is
// tried blindly again.
func (a *attempt) shrink(err error) {
	cuts := [...]struct {
		cut  func([]byte) ([]byte, bool)
		says string
	}{
		{withoutContent, "result is larger than the broker takes, published without mime"},
		{withoutLong, "result is larger than the broker takes, published without its long properties"},
	}
	for a.cuts < len(cuts) {
		c := cuts[a.cuts]
		a.cuts++
		if body, ok := c.cut(a.p.Body); ok {
			a.r.o.Logger.Error(c.says, "queue", a.p.Queue, "id", a.p.ID, "error", err)
			a.p.Body = body
			a.send()
			return
		}
	}
	a.r.o.Logger.Error("result is larger than the broker takes and is not published", "queue", a.p.Queue, "id", a.p.ID, "error", err)
	a.done(nil)
}

// withoutContent leaves the MIME data out; false: that does not make the body smaller.
func withoutContent(body []byte) ([]byte, bool) {
	m, _ := mail.Parse(body, mail.Rules{LooseEnvelope: true, LooseRecipient: true}) // a message that cannot be sent is one too
	if m == nil {
		return nil, false
	}
	m.RemoveContent()
	small := m.Append(nil)
	return small, len(small) < len(body)
}

// longest is the size of a property that a result keeps in any case, in bytes.
const longest = 4 << 10

// withoutLong keeps the results and what is short, such as the recipient and the sender's own identifiers.
func withoutLong(body []byte) ([]byte, bool) {
	var all map[string]json.RawMessage
	if json.Unmarshal(body, &all) != nil {
		return nil, false
	}
	before := len(all)
	for name, value := range all {
		if len(name)+len(value) > longest && name != "results" {
			delete(all, name)
		}
	}
	small, err := json.Marshal(all)
	return small, err == nil && len(all) < before
}
