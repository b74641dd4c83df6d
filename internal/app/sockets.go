package app

import (
	"context"
	"encoding/json"
	"sync"

	"posthoorn/internal/app/config"
	"posthoorn/internal/control"
)

// openSockets makes the two sockets beside the lock.
func (d *Daemon) openSockets() error {
	g := &d.cfg.General
	in, err := control.NewInject(control.InjectOptions{
		Path: g.InjectSocket, Door: d.door, MaxSize: d.cfg.SMTPIn.MaxSize, Loose: !d.cfg.SMTPIn.StrictAddress, Log: d.named("inject"),
	})
	if err != nil {
		return wrong(config.ExitConfig, "inject socket: %w", err)
	}
	d.later("inject socket", func() { _ = in.Close() })
	d.running.Go(func() { d.serve("inject", in.Serve) })

	o := control.ControlOptions{Path: g.ControlSocket, UID: -1, GID: -1, Outbox: d.cfg.RabbitMQ.Outbox, Room: d.space.Room, Log: d.named("control")}
	if d.cfg.RabbitMQ.Embedded {
		o.Queues = embeddedQueues(d.store, &d.cfg.RabbitMQ)
	}
	c, err := control.NewControl(o)
	if err != nil {
		return wrong(config.ExitConfig, "control socket: %w", err)
	}
	c.Handle("reload", func(ctx context.Context, _ json.RawMessage) (any, error) { return nil, d.Reload(ctx) })
	control.HandleOperator(c, operator{d.engine, d.editor, d.named("control")}, sync.OnceFunc(func() { close(d.evacuated) }))
	c.Handle(commandWaiting, func(context.Context, json.RawMessage) (any, error) { return waitingInfo(d.store), nil })
	d.later("control socket", func() { _ = c.Close() })
	d.running.Go(func() { d.serve("control", c.Serve) })
	return nil
}

func (d *Daemon) serve(name string, serve func(context.Context) error) {
	if err := serve(d.ctx); err != nil {
		d.log.Error("socket is closed", "socket", name, "error", err)
	}
}
