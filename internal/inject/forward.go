package inject

import (
	"context"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/mail"
)

// Forward publishes a message object of the REST interface to the inbox: as the client sent it, with received, hostname and
// http set (rest-api.md section 2). It returns once that is durable; errors as in Accept.
func (d *Door) Forward(ctx context.Context, m *mail.Message, from HTTP, received time.Time) error {
	err := d.forward(ctx, m, from, received)
	d.metrics.count(doorHTTP, err, 1, m.SourceSize())
	return err
}

func (d *Door) forward(ctx context.Context, m *mail.Message, from HTTP, received time.Time) error {
	if err := d.Ready(); err != nil {
		return err
	}
	if d.opts.MaxSize > 0 && int64(m.SourceSize()) > 2*d.opts.MaxSize {
		return errTooBig
	}
	m.Set("received", mail.AppendTime(nil, received))
	m.Set("hostname", mail.AppendString(nil, d.opts.Hostname))
	m.Set("http", new(mail.Object).String("authentication", from.Authentication).
		String("remote-ip", from.RemoteIP).Int("remote-port", int64(from.RemotePort)).Bytes())
	return d.publish(ctx, []broker.Publishing{{Queue: d.opts.Queues.Inbox, Body: m.Append(nil)}})
}
