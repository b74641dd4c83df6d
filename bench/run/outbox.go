package main

import (
	"context"
	"path/filepath"
	"time"

	"posthoorn/internal/control"
	"posthoorn/internal/localqueue"
)

// outbox is the queue of a repeat, before and while a contestant reads it.
type outbox interface {
	// fill puts mail in while nobody reads.
	fill(...load) error
	// depth is how many messages nobody has taken; false: it does not say.
	depth() (int, bool)
}

// remoteOutbox is on RabbitMQ.
type remoteOutbox struct{ b *bench }

func (o remoteOutbox) fill(loads ...load) error {
	for _, l := range loads {
		if err := l.publish(o.b.rabbit.URL(), o.b.queues.outbox); err != nil {
			return err
		}
	}
	return nil
}

func (o remoteOutbox) depth() (int, bool) {
	return o.b.depth(o.b.queues.outbox)
}

// depth is how many messages of a queue on RabbitMQ nobody has taken.
func (b *bench) depth(queue string) (int, bool) {
	q, err := b.channel.QueueDeclarePassive(queue, true, false, false, false, nil)
	return q.Messages, err == nil
}

// embeddedOutbox is in the local queue of a state directory.
type embeddedOutbox struct{ state string }

// embeddedName is what the queue is called.
const embeddedName = "outbox"

func storeIn(state string) string { return filepath.Join(state, "queue") }

func (o embeddedOutbox) fill(loads ...load) error {
	store, err := localqueue.Open(storeIn(o.state), localqueue.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	const together = 100
	for _, l := range loads {
		for id := 0; id < l.n; {
			b := new(localqueue.Batch)
			for ; id < l.n && b.Len() < together; id++ {
				b.Publish(embeddedName, localqueue.Message{Body: l.encode(id), Published: time.Now()})
			}
			if err := store.Do(context.Background(), b); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o embeddedOutbox) depth() (int, bool) { return depthOf(o.state, embeddedName) }

// depthOf asks the daemon with this state.
func depthOf(state, queue string) (int, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	list, err := control.NewClient(filepath.Join(state, "posthoorn.control")).List(ctx)
	for _, q := range list {
		if q.Name == queue {
			return int(q.Messages - q.InHand), true
		}
	}
	return 0, err == nil
}

// leftIn is what a daemon that has ended left on disk: what waits for the blocked domain, and the embedded outbox.
func leftIn(state string) (waiting, outbox int, err error) {
	store, err := localqueue.Open(storeIn(state), localqueue.Options{})
	if err != nil {
		return 0, 0, err
	}
	for _, p := range store.PlacesOf(blockedDomain) {
		waiting += p.Count
	}
	for _, q := range store.Queues() {
		if q.Name == embeddedName {
			outbox = q.Messages
		}
	}
	return waiting, outbox, store.Close()
}
