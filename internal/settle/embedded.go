package settle

import (
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/localqueue"
)

// Input is the consumer of the embedded queue, seen from the commit that settles what it delivered.
type Input interface {
	// AckIn adds the removal of a delivery to b. An error says that it is not in hand any more.
	AckIn(b *localqueue.Batch, t broker.Ticket) error
	// MoveIn adds to b that a delivery goes to wait, or fails likewise.
	MoveIn(b *localqueue.Batch, t broker.Ticket, w localqueue.Waiting) error
	// Settled gives the credit of a delivery free.
	Settled(t broker.Ticket)
}

// Embedded settles with the queue in this process: one commit for everything.
type Embedded struct {
	Store Store
	Input func() Input
}

// Settle commits the work. Nothing is published of a message that has gone back to its queue: there it has another result.
func (e *Embedded) Settle(w Work) {
	b := new(localqueue.Batch)
	if err := e.input(b, w); err != nil {
		w.Settled(err)
		return
	}
	now := time.Now()
	for _, p := range w.Publish {
		if p.Queue != "" {
			b.Publish(p.Queue, localqueue.Message{Body: p.Body, Priority: p.Priority, ID: p.ID, Published: now})
		}
	}
	e.Store.Commit(b, func(err error) {
		if err == nil && w.Origin.Waiting == 0 {
			e.Input().Settled(w.Origin.Ticket)
		}
		w.Settled(err)
	})
}

func (e *Embedded) input(b *localqueue.Batch, w Work) error {
	switch {
	case w.Origin.Waiting != 0 && w.Wait != nil:
		b.Reschedule(w.Origin.Waiting, *w.Wait)
	case w.Origin.Waiting != 0:
		b.Remove(w.Origin.Waiting)
	case w.Wait != nil:
		return e.Input().MoveIn(b, w.Origin.Ticket, *w.Wait)
	default:
		return e.Input().AckIn(b, w.Origin.Ticket)
	}
	return nil
}

// Acked has nothing to do: there is no window between the outcome and the removal of the input.
func (e *Embedded) Acked([]Identity) {}

// Close has nothing to do.
func (e *Embedded) Close() {}
