package app

import (
	"context"
	"errors"
	"strings"
	"time"

	"posthoorn/internal/app/config"
	"posthoorn/internal/broker"
	"posthoorn/internal/broker/amqp"
	"posthoorn/internal/broker/local"
	"posthoorn/internal/journal"

	"github.com/prometheus/client_golang/prometheus"
)

// openBroker connects to RabbitMQ, in the background and as long as it takes, or opens the embedded queue.
func (d *Daemon) openBroker() error {
	if d.cfg.RabbitMQ.Embedded {
		d.broker = local.New(d.store)
		return nil
	}
	b, err := dialBroker(d.cfg, d, d.metrics)
	if err != nil {
		return wrong(config.ExitConfig, "rabbitmq-address: %w", err)
	}
	d.broker = b
	d.later("broker", func() { _ = b.Close() })
	d.running.Go(func() { d.declare(d.ctx, b) })
	return nil
}

// dialBroker makes the RabbitMQ adapter as the file says.
func dialBroker(cfg *config.Config, d *Daemon, reg prometheus.Registerer) (*amqp.Broker, error) {
	r := &cfg.RabbitMQ
	urls := make([]string, len(r.Nodes))
	for i, n := range r.Nodes {
		urls[i] = n.URL()
	}
	o := amqp.Options{
		Address: strings.Join(urls, ","), Insecure: !r.Verify, Exchange: r.Exchange, NoDeclare: !r.Declare, Outbox: r.Outbox, Quorum: r.Quorum,
		NotDurable: !r.Durable, NotPersistent: !r.Persistent, Lazy: r.Lazy, MaxPriority: uint8(r.MaxPriority), Gzip: r.Gzip,
		Publishers: r.Publishers, Window: r.Throttle, Registerer: reg,
	}
	if d != nil {
		o.Logger = d.named("rabbitmq")
	}
	return amqp.New(o)
}

// declare makes the queues of the file. While that does not succeed it is tried again: a container's broker may come up later.
func (d *Daemon) declare(ctx context.Context, b broker.Broker) {
	for wait := time.Second; ctx.Err() == nil; wait = min(2*wait, time.Minute) {
		if _, ok := ready(ctx, b.Blocked); !ok {
			continue // the adapter says what is wrong
		}
		err := b.Declare(ctx, configuredQueues(&d.cfg.RabbitMQ)...)
		if err == nil {
			return
		}
		if errors.Is(err, broker.ErrUnroutable) {
			d.log.Error("a configured queue cannot be declared; messages for it are held until it can", "error", err)
		} else {
			d.log.Warn("queues are not declared yet", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// configuredQueues are the queues that the file names, each once.
func configuredQueues(r *config.RabbitMQ) []string {
	var list []string
	seen := map[string]bool{"": true}
	for _, q := range []string{r.Outbox, r.Inbox, r.Local, r.Reports, r.Refused, r.DSN, r.Results, r.Success, r.Failure, r.Retry} {
		if !seen[q] {
			seen[q] = true
			list = append(list, q)
		}
	}
	return list
}

func journalOptions(c *config.Config, reg prometheus.Registerer) journal.Options {
	l := &c.Logs
	kind := func(text, binary config.Log) journal.Kind {
		return journal.Kind{Format: text.Format, Text: logFile(text), Binary: logFile(binary)}
	}
	o := journal.Options{
		Send: kind(l.Send, l.SendBin), Received: kind(l.Received, l.ReceivedBin), Download: kind(l.Download, l.DownloadBin),
		Application: l.Application, ErrorLog: l.Error, Registerer: reg,
	}
	if c.Console.On() {
		o.WWW = kind(l.WWW, l.WWWBin)
	}
	return o
}

func logFile(l config.Log) journal.File {
	return journal.File{Path: l.File, Rotate: l.Rotate, MaxSize: l.MaxSize, MaxAge: l.MaxAge, History: l.History, Gzip: l.Gzip}
}
