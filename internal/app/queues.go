package app

import (
	"context"
	"errors"
	"slices"
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

// embeddedStore shows the queues of this process to the operator's commands.
type embeddedStore struct {
	store *localqueue.Store
	names *config.RabbitMQ
}

func embeddedQueues(store *localqueue.Store, names *config.RabbitMQ) control.Queues {
	return control.Embedded(&embeddedStore{store, names}, 0)
}

// Queues is part of control.Store: what the file names, in its order, then what else holds something, and what waits.
func (q *embeddedStore) Queues() []control.QueueInfo {
	held := map[string]localqueue.QueueInfo{}
	names := configuredQueues(q.names)
	for _, i := range q.store.Queues() {
		held[i.Name] = i
		if !slices.Contains(names, i.Name) {
			names = append(names, i.Name)
		}
	}
	roles := rolesOf(q.names)
	var list []control.QueueInfo
	for _, name := range names {
		i := held[name]
		list = append(list, control.QueueInfo{
			Name: name, Role: roles[name], Messages: int64(i.Messages), InHand: int64(i.InHand), Bytes: i.Bytes, Oldest: i.Oldest,
		})
	}
	return append(list, waitingInfo(q.store))
}

// waitingName stands for the local queue in a list.
const waitingName = "(waiting)"

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

// Take is part of control.Store.
func (q *embeddedStore) Take(queue string, n int) []control.Taken {
	var list []control.Taken
	for _, t := range q.store.Take(queue, n, nil) {
		list = append(list, control.Taken{Seq: t.Seq, Body: t.Body})
	}
	return list
}

// Remove is part of control.Store.
func (q *embeddedStore) Remove(ctx context.Context, queue string, seqs []uint64) error {
	b := new(localqueue.Batch)
	for _, seq := range seqs {
		b.Ack(queue, seq)
	}
	return q.store.Do(ctx, b)
}

// Back is part of control.Store.
func (q *embeddedStore) Back(queue string, seq uint64) { q.store.Back(queue, seq) }

// Walk is part of control.Store.
func (q *embeddedStore) Walk(queue string, show func(control.Taken) bool) error {
	return q.store.Walk(queue, func(t localqueue.Taken) bool { return show(control.Taken{Seq: t.Seq, Body: t.Body}) })
}

// Publish is part of control.Store.
func (q *embeddedStore) Publish(ctx context.Context, queue string, bodies [][]byte) error {
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
	daemon *control.Client // knows what waits in the local queue
}

// commandWaiting asks a daemon for its local queue.
const commandWaiting = "waiting"

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
	var waiting control.QueueInfo
	if err := q.daemon.Call(ctx, commandWaiting, nil, &waiting); err != nil {
		waiting = control.QueueInfo{Name: waitingName, Role: "local queue (no daemon here)", Missing: true}
	}
	return append(list, waiting), nil
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
