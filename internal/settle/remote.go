package settle

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/localqueue"

	"github.com/prometheus/client_golang/prometheus"
)

// Options of NewRemote.
type Options struct {
	Store      Store
	Sender     broker.Sender
	Logger     *slog.Logger          // nil: no log
	Registerer prometheus.Registerer // nil: not registered
	Patience   time.Duration         // with an override queue that cannot be reached; 0: a minute (queues.md section 2)
	Pause      time.Duration         // between attempts to publish; 0: two seconds
}

// Remote settles with the queue on a broker and the ledger here.
type Remote struct {
	o       Options
	ctx     context.Context
	stop    context.CancelFunc
	metrics *metrics
	bad     unreachable

	mu      sync.Mutex
	alarmed map[string]time.Time // queue of the file that cannot be reached: last time that the log said so
}

// NewRemote returns a settler for mail that comes from a broker.
func NewRemote(o Options) *Remote {
	if o.Patience == 0 {
		o.Patience = time.Minute
	}
	if o.Pause == 0 {
		o.Pause = 2 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(context.Background())
	return &Remote{o: o, ctx: ctx, stop: stop, metrics: newMetrics(o.Registerer), alarmed: map[string]time.Time{}}
}

// Close ends the waiting for queues that cannot be reached: works that are not settled yet end with broker.ErrClosed, their
// outcomes are in the ledger.
func (r *Remote) Close() { r.stop() }

// Settle starts the work and returns; it blocks only while the local queue has too much to write, or the window of unconfirmed
// publishings is full.
func (r *Remote) Settle(w Work) {
	switch {
	case w.Origin.Waiting != 0 && w.Wait != nil:
		r.reschedule(w)
	case w.Origin.Waiting != 0:
		r.finishWaiting(w)
	case w.Wait != nil:
		r.park(w)
	default:
		r.finish(w)
	}
}

// finish notes the outcome, then publishes it. Not side by side: a result that is out while the ledger does not know it yet is
// followed by another, perhaps a different one, when the process dies in between (the message is sent again). A ledger that cannot
// be written does not hold the mail up: the confirmed result and the ack are worth more than the note (window D2).
func (r *Remote) finish(w Work) {
	if w.Replay {
		r.metrics.replayed.Inc()
	}
	if w.Replay || w.Origin.Identity == (Identity{}) {
		r.publishAll(w.Publish, w.Settled)
		return
	}
	b := new(localqueue.Batch)
	b.Note(w.Origin.Identity, Encode(w.Publish))
	r.o.Store.Commit(b, func(err error) {
		if err != nil {
			r.metrics.unnoted.Inc()
		}
		r.publishLater(w.Publish, w.Settled)
	})
}

// park puts the message into the local queue and notes that it did, in one commit; then the copy is published.
func (r *Remote) park(w Work) {
	b := new(localqueue.Batch)
	if w.Origin.Identity != (Identity{}) {
		b.Note(w.Origin.Identity, Encode(w.Publish))
	}
	b.Wait(*w.Wait)
	r.o.Store.Commit(b, func(err error) {
		if err != nil {
			w.Settled(err)
			return
		}
		r.publishLater(w.Publish, w.Settled)
	})
}

// finishWaiting ends a message of the local queue: the outcome stands beside it while it is published.
func (r *Remote) finishWaiting(w Work) {
	if w.Replay {
		r.metrics.replayed.Inc()
	}
	if w.Replay || len(w.Publish) == 0 {
		r.publishAndRemove(w)
		return
	}
	b := new(localqueue.Batch)
	b.NoteWaiting(w.Origin.Waiting, Encode(w.Publish))
	r.o.Store.Commit(b, func(err error) {
		if err != nil {
			w.Settled(err)
			return
		}
		go r.publishAndRemove(w)
	})
}

func (r *Remote) publishAndRemove(w Work) {
	r.publishAll(w.Publish, func(err error) {
		if err != nil {
			w.Settled(err)
			return
		}
		go r.remove(w)
	})
}

func (r *Remote) remove(w Work) {
	b := new(localqueue.Batch)
	b.Remove(w.Origin.Waiting)
	r.o.Store.Commit(b, w.Settled)
}

// reschedule publishes the copy for the retry queue, then gives the message back to the local queue.
func (r *Remote) reschedule(w Work) {
	r.publishAll(w.Publish, func(err error) {
		if err != nil {
			w.Settled(err)
			return
		}
		b := new(localqueue.Batch)
		b.Reschedule(w.Origin.Waiting, *w.Wait)
		go r.o.Store.Commit(b, w.Settled)
	})
}

// Acked lets the ledger forget the identities in time: their acks have gone out.
func (r *Remote) Acked(ids []Identity) {
	b := new(localqueue.Batch)
	for _, id := range ids {
		if id != (Identity{}) {
			b.Acked(id)
		}
	}
	if b.Len() == 0 {
		return
	}
	r.o.Store.Commit(b, func(error) {})
}

// counter calls done when it was called n times, or at once with the first error.
func counter(n int32, done func(error)) func(error) {
	var left atomic.Int32
	var once sync.Once
	left.Store(n)
	return func(err error) {
		if last := left.Add(-1) == 0; last || err != nil {
			once.Do(func() { done(err) })
		}
	}
}

// publishLater is publishAll for the callback of a commit, which may not wait.
func (r *Remote) publishLater(ps []Publication, done func(error)) {
	if len(ps) == 0 {
		done(nil)
		return
	}
	go r.publishAll(ps, done)
}

func (r *Remote) publishAll(ps []Publication, done func(error)) {
	switch len(ps) {
	case 0:
		done(nil)
		return
	case 1:
	default:
		done = counter(int32(len(ps)), done)
	}
	for i := range ps {
		(&attempt{r: r, p: ps[i], done: done}).send()
	}
}

// alarm tells once a minute that a queue of the file cannot be published to.
func (r *Remote) alarm(queue string, err error) {
	r.mu.Lock()
	now := time.Now()
	quiet := now.Sub(r.alarmed[queue]) < time.Minute
	if !quiet {
		r.alarmed[queue] = now
	}
	r.mu.Unlock()
	if !quiet {
		r.o.Logger.Error("queue cannot be published to: its messages are held and nothing is acknowledged", "queue", queue, "error", err)
	}
}

type metrics struct {
	replayed, unnoted, republished, redirected prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	c := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "posthoorn", Subsystem: "settle", Name: name, Help: help})
	}
	m := &metrics{
		replayed:    c("replayed_total", "Results published again because their message was delivered again (window D4)."),
		unnoted:     c("unnoted_total", "Outcomes that could not be written into the ledger (window D2)."),
		republished: c("republished_total", "Publishings repeated because the queue could not be reached."),
		redirected:  c("redirected_total", "Results that went to the configured queue because the message's own could not be reached."),
	}
	if reg != nil {
		reg.MustRegister(m.replayed, m.unnoted, m.republished, m.redirected)
	}
	return m
}
