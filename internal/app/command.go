package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"posthoorn/internal/app/config"
	"posthoorn/internal/control"
)

// alone carries out a command that needs no configuration.
func (p *Program) alone(ctx context.Context, cmd *config.Command) int {
	do := p.trial
	if cmd.Word == "sink" {
		do = func(ctx context.Context) error { return p.sink(ctx, cmd) }
	}
	return p.exit(do(ctx))
}

func (p *Program) exit(err error) int {
	if err == nil {
		return config.ExitOK
	}
	fmt.Fprintf(p.Stderr, "posthoorn: %v\n", err)
	return control.Code(err)
}

// command carries out one of the operator's commands.
func (p *Program) command(ctx context.Context, cmd *config.Command, cfg *config.Config) int {
	err := p.carryOut(ctx, cmd, cfg)
	if errors.Is(err, context.Canceled) && cmd.Follow {
		return config.ExitOK
	}
	return p.exit(err)
}

func (p *Program) carryOut(ctx context.Context, cmd *config.Command, cfg *config.Config) error {
	switch cmd.Word {
	case "queue list", "queue read", "queue publish":
		return p.queueCommand(ctx, cmd, cfg)
	case "reload":
		return control.NewClient(cfg.General.ControlSocket).Call(ctx, cmd.Word, nil, nil)
	}
	return control.Operate(ctx, control.NewClient(cfg.General.ControlSocket), cmd.Word,
		control.Order{Destination: cmd.Target, IP: cmd.IP, Tag: cmd.Tag, Reason: cmd.Reason, To: cmd.To, Stop: cmd.Stop},
		control.Terminal{In: p.Stdin, Out: p.Stdout, Err: p.Stderr, Yes: cmd.Yes, JSON: cmd.JSON})
}

// queueCommand works on RabbitMQ directly, on the embedded queue through the daemon.
func (p *Program) queueCommand(ctx context.Context, cmd *config.Command, cfg *config.Config) error {
	q, done, err := queuesOf(ctx, cfg)
	if err != nil {
		return err
	}
	defer done()
	switch cmd.Word {
	case "queue list":
		return control.ListQueues(ctx, q, p.Stdout)
	case "queue read":
		return control.ReadQueue(ctx, q, cmd.Target, cfg.RabbitMQ.Outbox, control.ReadOptions{Keep: cmd.Keep, Follow: cmd.Follow, Force: cmd.Force}, p.Stdout)
	}
	n, err := control.PublishQueue(ctx, q, cmd.Target, p.Stdin)
	fmt.Fprintf(p.Stderr, "%d published\n", n)
	return err
}

// brokerWait is how long a command waits for RabbitMQ.
const brokerWait = 10 * time.Second

func queuesOf(ctx context.Context, cfg *config.Config) (control.Queues, func(), error) {
	if cfg.RabbitMQ.Embedded {
		return control.NewClient(cfg.General.ControlSocket), func() {}, nil
	}
	b, err := dialBroker(cfg, nil, nil)
	if err != nil {
		return nil, nil, &control.Error{Exit: config.ExitConfig, Text: "rabbitmq-address: " + err.Error()}
	}
	done := func() { _ = b.Close() }
	if reason, ok := ready(ctx, b.Blocked); !ok {
		done()
		return nil, nil, &control.Error{Exit: config.ExitUnavailable, Text: "RabbitMQ cannot be used: " + reason}
	}
	return &brokerQueues{b, &cfg.RabbitMQ, control.NewClient(cfg.General.ControlSocket)}, done, nil
}

// ready waits until the broker can be used; otherwise it says why not.
func ready(ctx context.Context, blocked func() (string, bool)) (reason string, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, brokerWait)
	defer cancel()
	for {
		reason, no := blocked()
		if !no {
			return "", true
		}
		select {
		case <-ctx.Done():
			return reason, false
		case <-time.After(20 * time.Millisecond):
		}
	}
}
