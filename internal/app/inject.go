package app

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"time"

	"posthoorn/internal/app/config"
	"posthoorn/internal/control"
	"posthoorn/internal/inject"
	"posthoorn/internal/mail"
	"posthoorn/internal/spool"
)

// inject is the program as a sendmail replacement: one message from standard input, into the inbox (operations.md section 2).
func (p *Program) inject(ctx context.Context, cmd *config.Command, cfg *config.Config) int {
	return p.exit(p.submit(ctx, cmd, cfg))
}

func (p *Program) submit(ctx context.Context, cmd *config.Command, cfg *config.Config) error {
	s, err := p.submission(cmd, cfg)
	if err != nil {
		return err
	}
	if cfg.RabbitMQ.Embedded {
		return handIn(ctx, cfg, s)
	}
	b, err := dialBroker(cfg, nil, nil)
	if err != nil {
		return &control.Error{Exit: config.ExitConfig, Text: "rabbitmq-address: " + err.Error()}
	}
	defer b.Close()
	if reason, ok := ready(ctx, b.Blocked); !ok {
		return &control.Error{Exit: config.ExitUnavailable, Text: "RabbitMQ cannot be used: " + reason}
	}
	door := inject.New(inject.Options{
		Sender: b, Queues: inject.Queues{Inbox: cfg.RabbitMQ.Inbox}, Hostname: cfg.General.Hostname, ServerID: cfg.General.ServerID,
		MaxSize: cfg.SMTPIn.MaxSize, MaxDeliverTime: cfg.Delivery.MaxDeliverTime, Loose: !cfg.SMTPIn.StrictAddress,
	})
	_, err = door.Accept(ctx, s)
	return err
}

// handIn gives the message to the daemon of the embedded queue; without one it goes into the spool directory.
func handIn(ctx context.Context, cfg *config.Config, s inject.Submission) error {
	err := control.Submit(ctx, cfg.General.InjectSocket, s)
	if !errors.Is(err, control.ErrNoDaemon) || cfg.Spool.Directory == "" || !cfg.Spool.Extract {
		return err
	}
	dropped := spool.Drop(cfg.Spool.Directory, s, !cfg.SMTPIn.StrictAddress)
	if _, ok := errors.AsType[*mail.Error](dropped); dropped == nil || ok {
		return dropped
	}
	return fmt.Errorf("%w, and the spool directory does not take the message: %w", err, dropped)
}

// submission is what the command line and standard input say.
func (p *Program) submission(cmd *config.Command, cfg *config.Config) (inject.Submission, error) {
	loose := !cfg.SMTPIn.StrictAddress
	s := inject.Submission{
		HeaderRecipients: cmd.ExtractRecipients, Extract: true, Received: time.Now(),
		Origin: &inject.CLI{Command: p.Name, Arguments: p.Args, User: userName()},
	}
	var err error
	if cmd.Envelope != "" {
		if s.From, err = mail.ParseAddress(cmd.Envelope, loose); err != nil {
			return s, &control.Error{Exit: config.ExitData, Text: fmt.Sprintf("--envelope %q: %v", cmd.Envelope, err)}
		}
	}
	for _, text := range cmd.Recipients {
		to, err := mail.ParseAddress(text, loose)
		if err != nil {
			return s, &control.Error{Exit: config.ExitData, Text: fmt.Sprintf("recipient %q: %v", text, err)}
		}
		if !slices.ContainsFunc(s.Recipients, func(r inject.Recipient) bool { return r.To == to }) {
			s.Recipients = append(s.Recipients, inject.Recipient{To: to})
		}
	}
	s.Source, err = spool.ReadMessage(p.Stdin, cmd.IgnoreDot, cfg.SMTPIn.MaxSize)
	return s, err
}

func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}
