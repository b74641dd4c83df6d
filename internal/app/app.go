// Package app puts the house together: it alone knows all packages and the configuration. Run is the whole program but for signals
// and the process's own exit: the daemon, injection from the command line, and the operator's commands.
//
// The daemon is built from the bottom up and stopped from the top down: doors first, then the engine, then broker, local queue and
// journal.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"posthoorn/internal/app/config"
	"posthoorn/internal/template"
)

// Program is what the process gives to Run.
type Program struct {
	Args    []string // without the name of the program
	Name    string   // path of the program, for the cli property
	Version string
	Environ []string
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Reload  <-chan os.Signal // SIGHUP
}

// Run does what the command line asks for until it is done or ctx ends (a daemon then stops cleanly), and returns the exit code.
func Run(ctx context.Context, p Program) int {
	cmd, err := config.ParseCommand(p.Args)
	if err != nil {
		fmt.Fprintf(p.Stderr, "posthoorn: %v\nTry posthoorn --help.\n", err)
		return config.ExitUsage
	}
	switch cmd.Mode {
	case config.Help:
		fmt.Fprint(p.Stdout, config.HelpText(cmd.Word))
		return config.ExitOK
	case config.Version:
		fmt.Fprintf(p.Stdout, "posthoorn %s\n", p.Version)
		return config.ExitOK
	case config.FetchLicense:
		fmt.Fprintln(p.Stdout, "Posthoorn needs no license.")
		return config.ExitOK
	case config.ListIPs:
		return p.listIPs()
	}
	if cmd.Mode == config.Control && (cmd.Word == "sink" || cmd.Word == "trial") {
		return p.alone(ctx, cmd)
	}
	hostname, _ := os.Hostname()
	cfg, err := config.Load(cmd, config.Source{Environ: p.Environ, Hostname: hostname, CheckTemplate: checkTemplate})
	return p.configured(ctx, cmd, cfg, err)
}

func checkTemplate(text string) error {
	_, err := template.Compile(text)
	return err
}

// configured does what needs the configuration.
func (p *Program) configured(ctx context.Context, cmd *config.Command, cfg *config.Config, err error) int {
	if cmd.Mode == config.CheckConfig {
		fmt.Fprint(p.Stdout, cfg.CheckText())
	}
	if err != nil {
		fmt.Fprintf(p.Stderr, "posthoorn: %v\n", err)
		return config.ExitConfig
	}
	switch cmd.Mode {
	case config.CheckConfig:
		p.warn(cfg)
		return config.ExitOK
	case config.Daemon:
		return p.daemon(ctx, cfg)
	case config.Inject:
		return p.inject(ctx, cmd, cfg)
	case config.Control:
		return p.command(ctx, cmd, cfg)
	case config.PurgeDatabase, config.RepairDatabase:
		return p.exit(p.schema(ctx, cmd, cfg))
	}
	fmt.Fprintln(p.Stderr, "posthoorn: this switch needs the cluster, which this version does not have")
	return config.ExitConfig
}

func (p *Program) warn(cfg *config.Config) {
	for _, w := range cfg.Warnings {
		fmt.Fprintf(p.Stderr, "warning: %s\n", w)
	}
}

func (p *Program) listIPs() int {
	list, err := hostAddresses()
	if err != nil {
		fmt.Fprintf(p.Stderr, "posthoorn: %v\n", err)
		return config.ExitTemporary
	}
	for _, ip := range list {
		fmt.Fprintln(p.Stdout, ip)
	}
	return config.ExitOK
}

// daemon runs until ctx ends, or until all mail was given away for good.
func (p *Program) daemon(ctx context.Context, cfg *config.Config) int {
	p.warn(cfg)
	d, err := Start(cfg, p.Version, p.Stderr)
	if err != nil {
		fmt.Fprintf(p.Stderr, "posthoorn: %v\n", err)
		return exitOf(err)
	}
	for {
		select {
		case <-p.Reload:
			_ = d.Reload(ctx) // it is in the log
		case <-d.Failed():
			fmt.Fprintln(p.Stderr, "posthoorn: the local queue has failed; stopping, so that nothing is accepted that cannot be kept")
			d.Stop()
			return config.ExitTemporary
		case <-d.Evacuated():
			d.Stop()
			return config.ExitOK
		case <-ctx.Done():
			d.Stop()
			return config.ExitOK
		}
	}
}

// startError is an error with the exit code that it stands for.
type startError struct {
	code int
	err  error
}

func (e *startError) Error() string { return e.err.Error() }
func (e *startError) Unwrap() error { return e.err }

func wrong(code int, format string, args ...any) error {
	return &startError{code, fmt.Errorf(format, args...)}
}

func exitOf(err error) int {
	if e, ok := errors.AsType[*startError](err); ok {
		return e.code
	}
	return config.ExitConfig
}
