package app

import (
	"context"
	"fmt"

	"posthoorn/internal/app/config"
	"posthoorn/internal/control"
	"posthoorn/internal/sink"
)

// sink runs the receiver for trials until ctx ends.
func (p *Program) sink(ctx context.Context, cmd *config.Command) error {
	o := sink.Options{Keep: cmd.KeepIn, Addresses: []string{"127.0.0.1:8025"}}
	if cmd.Listen != "" {
		o.Addresses = []string{cmd.Listen}
	}
	s, err := sink.New(o)
	if err != nil {
		return &control.Error{Exit: config.ExitConfig, Text: err.Error()}
	}
	go s.Serve()
	for _, a := range s.Addresses() {
		fmt.Fprintf(p.Stderr, "sink listens on %s\n", a)
	}
	s.Print(ctx, p.Stdout)
	return s.Close()
}
