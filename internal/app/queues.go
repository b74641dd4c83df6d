package app

import (
	"context"
	"errors"
	"time"

	"posthoorn/internal/app/config"
	"posthoorn/internal/broker"
	"posthoorn/internal/broker/amqp"
	"posthoorn/internal/control"
	"posthoorn/internal/localqueue"
)

// rolesOf says what the file uses each queue for.
func rolesOf(r *config.RabbitMQ) map[string]string {
	roles := map[string]string{}
	for _, q := range []struct{ role, name string }{
		{"outbox", r.Outbox}, {"inbox", r.Inbox}, {"local", r.Local}, {"reports", r.Reports}, {"refused", r.Refused}, {"dsn", r.DSN},
		{"results", r.Results}, {"success", r.Success}, {"failure", r.Failure}, {"retry", r.Retry},
	} {
		if q.name != "" && roles[q.name] != "" {
			roles[q.name] += ","
		}
		roles[q.name] += q.role
	}
	delete(roles, "")
	return roles
}

// embeddedQueues are the queues of this process for the operator's commands.
type embeddedQueues struct {
	store *localqueue.Store
	names *config.RabbitMQ
}

// waitingName stands for the local queue in a list.
const waitingName = "(waiting)"

// List is part of control.Queues.
func (q *embeddedQueues) List(context.Context) ([]control.QueueInfo, error) {
	roles := rolesOf(q.names)
	var list []control.QueueInfo
	known := map[string]bool{}
	for _, i := range q.store.Queues() {
		known[i.Name] = true
		list = append(list, control.QueueInfo{
			Name: i.Name, Role: roles[i.Name], Messages: int64(i.Messages), InHand: int64(i.InHand), Bytes: i.Bytes, Oldest: i.Oldest,
		})
	}
	for _, name := range configuredQueues(q.names) {
		if !known[name] {
			list = append(list, control.QueueInfo{Name: name, Role: roles[name]})
		}
	}
	return append(list, waitingInfo(q.store)), nil
}

func waitingInfo(store *localqueue.Store) control.QueueInfo {
	w := control.QueueInfo{Name: waitingName, Role: "local queue"}
	for _, p := range store.Places() {
		w.Messages += int64(p.Count)
		w.InHand += int64(p.InHand)
		if w.Oldest.IsZero() || p.Since.Before(w.Oldest) {
			w.Oldest = p.Since
		}
	}
	return w
}

// readBatch is how many messages a reader is given at a time, readBytes about how large they are together.
const (
	readBatch = 64
	readBytes = 8 << 20
)

// Read is part of control.Queues.
func (q *embeddedQueues) Read(ctx context.Context, queue string, o control.ReadOptions, write func([][]byte) error) error {
	if o.Keep {
		return q.show(ctx, queue, o.Follow, write)
	}
	for {
		taken := q.store.Take(queue, readBatch, nil)
		if len(taken) == 0 {
			if !o.Follow {
				return nil
			}
			if err := q.wait(ctx); err != nil {
				return err
			}
			continue
		}
		if err := q.hand(ctx, queue, taken, write); err != nil {
			return err
		}
	}
}

// hand writes messages and removes them; after an error they are where they were.
func (q *embeddedQueues) hand(ctx context.Context, queue string, taken []localqueue.Taken, write func([][]byte) error) error {
	bodies := make([][]byte, len(taken))
	ack := new(localqueue.Batch)
	for i := range taken {
		bodies[i] = taken[i].Body
		ack.Ack(queue, taken[i].Seq)
	}
	err := write(bodies)
	if err == nil {
		return q.store.Do(context.WithoutCancel(ctx), ack)
	}
	for i := range taken {
		q.store.Back(queue, taken[i].Seq)
	}
	return err
}

// show hands over what is there without taking it; with follow what comes later too.
func (q *embeddedQueues) show(ctx context.Context, queue string, follow bool, write func([][]byte) error) error {
	seen := uint64(0)
	for {
		last, err := q.showSince(queue, seen, write)
		if err != nil || !follow {
			return err
		}
		seen = last
		if err := q.wait(ctx); err != nil {
			return err
		}
	}
}

// showSince writes what has a number above seen, and returns the highest number.
func (q *embeddedQueues) showSince(queue string, seen uint64, write func([][]byte) error) (last uint64, failed error) {
	last = seen
	var bodies [][]byte
	size := 0
	flush := func() bool {
		if len(bodies) > 0 {
			failed = write(bodies)
		}
		bodies, size = nil, 0
		return failed == nil
	}
	err := q.store.Walk(queue, func(t localqueue.Taken) bool {
		if t.Seq <= seen {
			return true
		}
		last = max(last, t.Seq)
		bodies = append(bodies, t.Body)
		size += len(t.Body)
		return len(bodies) < readBatch && size < readBytes || flush()
	})
	if failed == nil {
		flush()
	}
	return last, errors.Join(failed, err)
}

// wait looks again after a moment: the signal of the queue belongs to its consumer.
func (q *embeddedQueues) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(100 * time.Millisecond):
		return nil
	}
}

// Publish is part of control.Queues.
func (q *embeddedQueues) Publish(ctx context.Context, queue string, bodies [][]byte) error {
	b := new(localqueue.Batch)
	now := time.Now()
	for _, body := range bodies {
		b.Publish(queue, localqueue.Message{Body: body, Published: now})
	}
	return q.store.Do(ctx, b)
}

// brokerQueues are the queues of RabbitMQ for the operator's commands.
type brokerQueues struct {
	broker *amqp.Broker
	names  *config.RabbitMQ
}

// List is part of control.Queues.
func (q *brokerQueues) List(ctx context.Context) ([]control.QueueInfo, error) {
	roles := rolesOf(q.names)
	var list []control.QueueInfo
	for _, name := range configuredQueues(q.names) {
		i := control.QueueInfo{Name: name, Role: roles[name]}
		n, _, err := q.broker.Count(ctx, name)
		switch {
		case errors.Is(err, broker.ErrUnroutable):
			i.Missing = true
		case err != nil:
			return nil, &control.Error{Exit: config.ExitUnavailable, Text: err.Error()}
		}
		i.Messages = int64(n)
		list = append(list, i)
	}
	return list, nil
}

// Read is part of control.Queues.
func (q *brokerQueues) Read(ctx context.Context, queue string, o control.ReadOptions, write func([][]byte) error) error {
	return q.broker.Read(ctx, queue, o.Keep, o.Follow, func(d broker.Delivery) error { return write([][]byte{d.Body}) })
}

// Publish is part of control.Queues.
func (q *brokerQueues) Publish(ctx context.Context, queue string, bodies [][]byte) error {
	ps := make([]broker.Publishing, len(bodies))
	for i, body := range bodies {
		ps[i] = broker.Publishing{Queue: queue, Body: body}
	}
	return broker.Publish(ctx, q.broker, ps...)
}
