// Package inject is the one door through which mail comes in: the SMTP server, the spool directory, the command line and the
// HTTP interface all end in Door.Accept or Door.Forward (incoming-json.md).
//
// The door reads and strips the x-mq-* headers, finds envelope and recipients where the channel takes them from the header,
// makes one JSON object per recipient, and publishes all of them. It says yes only when the broker has confirmed every one;
// an error means that the sender still has the message, never that it is lost. What leaves the door has lines that end with
// CRLF and nothing else: a bare CR or LF becomes CRLF, a NUL is refused. Under a trace a blank line ends the header, also one that
// only a line that is no field ended. All other bytes stay as they came; a source that is not UTF-8, or that is mostly control
// characters, goes to the message store, or into the JSON as base64.
//
// The package starts no goroutine. A Door may be used by many goroutines at once. However many recipients a message has,
// no more than 32 MiB of JSON (or one object) of it are under way at a time.
package inject

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"posthoorn/internal/broker"
	"posthoorn/internal/mail"
)

// Role says which of the queues for received mail a recipient's message belongs to (incoming-json.md section 4).
type Role uint8

// The roles. Local without a queue of its own goes to Inbox, Reports without one goes to Local.
const (
	Inbox Role = iota
	Local
	Reports
	Refused
)

// Queues names the queue of each role. Inbox must be set; the others may be empty.
type Queues struct{ Inbox, Local, Reports, Refused string }

func (q *Queues) pick(r Role) string {
	switch {
	case r == Refused:
		return q.Refused
	case r == Reports && q.Reports != "":
		return q.Reports
	case r != Inbox && q.Local != "":
		return q.Local
	}
	return q.Inbox
}

// Bodies is the message store.
type Bodies interface {
	// Put keeps a MIME source and returns its key. It may forget it some time after deadline (storage.md section 4).
	Put(ctx context.Context, source []byte, deadline time.Time) (key string, err error)
}

// Options of a Door. Sender and Queues.Inbox are needed. Blocked and Room are asked for every message: they must be quick.
type Options struct {
	Sender         broker.Sender
	Blocked        func() (reason string, blocked bool) // of the broker; nil: never
	Room           func() error                         // an error while the disk is too full to take mail; nil: always room
	Queues         Queues
	Bodies         Bodies        // nil: no message store for received mail
	StoreAll       bool          // storage-policy is all or in: every source goes to Bodies, not only what is not UTF-8
	MaxDeliverTime time.Duration // max-delivertime, for the life of stored sources; 0: a day
	Hostname       string        // hostname in the JSON
	ServerID       int           // server-id: makes ids unique among instances
	MaxSize        int64         // largest source in bytes; 0: no limit of ours
	Loose          bool          // addresses in headers need not be strictly valid
	Wait           time.Duration // longest wait for the confirms of a batch; 0: a minute
	Log            *slog.Logger  // nil: slog.Default
	Metrics        prometheus.Registerer
}

// Door accepts messages.
type Door struct {
	opts    Options
	names   names
	metrics *metrics
}

// New makes a door.
func New(opts Options) *Door {
	if opts.MaxDeliverTime == 0 {
		opts.MaxDeliverTime = 24 * time.Hour
	}
	if opts.Wait == 0 {
		opts.Wait = time.Minute
	}
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	return &Door{opts: opts, names: newNames(time.Now(), opts.ServerID), metrics: newMetrics(opts.Metrics)}
}

// Has says whether a role has a queue of its own.
func (d *Door) Has(r Role) bool {
	switch r {
	case Local:
		return d.opts.Queues.Local != ""
	case Reports:
		return d.opts.Queues.Reports != ""
	case Refused:
		return d.opts.Queues.Refused != ""
	}
	return true
}

// Ready says, without waiting, why nothing can be taken at the moment: a *mail.Error 451 4.3.0 while the broker is gone or
// blocked, 452 4.3.1 while there is no room on the disk.
func (d *Door) Ready() error {
	if d.opts.Blocked != nil {
		if reason, blocked := d.opts.Blocked(); blocked {
			return &mail.Error{Code: 451, Status: "4.3.0", Text: "Message queue is not available, try again later", Cause: errors.New(reason)}
		}
	}
	if d.opts.Room != nil {
		if err := d.opts.Room(); err != nil {
			return &mail.Error{Code: 452, Status: "4.3.1", Text: "Insufficient system storage", Cause: err}
		}
	}
	return nil
}

// Accept takes one message for all its recipients and returns once all of it is durable. The ids are those of the recipients,
// in their order; empty ones unless the submission came over SMTP. Errors are of type *mail.Error: 451 4.3.0 and 452 4.3.1 as
// in Ready, 552 5.3.4 too big, 553 5.1.3 bad address, 554 for everything that is wrong with the message itself. After an
// error some recipients may have been published when others were not; the sender will try all of them again.
func (d *Door) Accept(ctx context.Context, s Submission) ([]string, error) {
	ids, err := d.accept(ctx, &s)
	d.metrics.count(doors[s.Origin.channel()], err, len(ids), len(s.Source))
	return ids, err
}

func (d *Door) accept(ctx context.Context, s *Submission) ([]string, error) {
	if err := d.Ready(); err != nil {
		return nil, err
	}
	m, err := d.read(s)
	if err != nil {
		return nil, err
	}
	for next := 0; next < len(m.recipients); {
		batch := d.batch(ctx, m, next)
		if err = d.publish(ctx, batch); err != nil {
			return nil, err
		}
		for i := range batch {
			if s.Published != nil {
				s.Published(batch[i].Body, m.recipients[next+i].Role == Reports)
			}
		}
		next += len(batch)
	}
	return m.ids, nil
}

// publish waits until all are durable.
func (d *Door) publish(ctx context.Context, ps []broker.Publishing) error {
	ctx, cancel := context.WithTimeout(ctx, d.opts.Wait)
	defer cancel()
	err := broker.Publish(ctx, d.opts.Sender, ps...)
	if err == nil {
		return nil
	}
	if errors.Is(err, broker.ErrTooBig) {
		return &mail.Error{Code: 552, Status: "5.3.4", Text: "Message is too big for the message queue", Cause: err}
	}
	return &mail.Error{Code: 451, Status: "4.3.0", Text: "Message queue is not available, try again later", Cause: err}
}
