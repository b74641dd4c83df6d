package app

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"posthoorn/internal/app/config"
	"posthoorn/internal/control"
	"posthoorn/internal/inject"
	"posthoorn/internal/mail"
	"posthoorn/internal/sink"
)

// trialConfig is the file that a trial begins with; DIR stands for the folder.
//
//go:embed trial.txt
var trialConfig string

// trial runs a daemon and a receiver in the folder var of the current directory, sends a message through, shows its result and
// says how to go on. It runs until ctx ends.
func (p *Program) trial(ctx context.Context) error {
	file, err := trialFolder("var")
	if err != nil {
		return &control.Error{Exit: config.ExitConfig, Text: err.Error()}
	}
	hostname, _ := os.Hostname()
	cmd := &config.Command{ConfigFile: file}
	cfg, err := config.Load(cmd, config.Source{Hostname: hostname, CheckTemplate: checkTemplate, Default: "/dev/null"})
	if err != nil {
		return &control.Error{Exit: config.ExitConfig, Text: err.Error()}
	}
	if cfg.Sink.On {
		s, err := trialSink(cfg)
		if err != nil {
			return &control.Error{Exit: config.ExitTemporary, Text: err.Error()}
		}
		defer s.Close()
	}
	d, err := Start(cfg, p.Version, p.Stderr)
	if err != nil {
		return &control.Error{Exit: exitOf(err), Text: err.Error()}
	}
	defer d.Stop()
	if err := p.sample(ctx, d); err != nil {
		return err
	}
	p.hints(cfg, file, d.consoleURL())
	<-ctx.Done()
	return nil
}

// trialFolder makes the folder and its configuration, unless they are there.
func trialFolder(name string) (file string, err error) {
	dir, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	for _, sub := range []string{"", "spool", "failed", "log"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return "", err
		}
	}
	file = filepath.Join(dir, "config.txt")
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return file, nil
	}
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(strings.ReplaceAll(trialConfig, "DIR", dir))
	return file, errors.Join(err, f.Close())
}

func trialSink(cfg *config.Config) (*sink.Server, error) {
	addr := cfg.Sink.Host + ":" + strconv.Itoa(int(cfg.Sink.Port))
	s, err := sink.New(sink.Options{Addresses: []string{addr}})
	if err != nil {
		return nil, fmt.Errorf("the receiver of the trial cannot listen on %s: %w", addr, err)
	}
	go s.Serve()
	return s, nil
}

const sampleMessage = "From: Posthoorn <trial@posthoorn.example>\r\nTo: you@example.org\r\nSubject: It works\r\nx-mq-trial: %s\r\n\r\nThis message went all the way.\r\n"

// sampleWait is how long a trial looks for the result of its sample before it goes on without.
const sampleWait = 30 * time.Second

// sample sends one message and prints its result.
func (p *Program) sample(ctx context.Context, d *Daemon) error {
	id := strconv.FormatInt(time.Now().UnixNano(), 36)
	to, _ := mail.ParseAddress("you@example.org", false)
	_, err := d.door.Accept(ctx, inject.Submission{
		Recipients: []inject.Recipient{{To: to}}, Source: fmt.Appendf(nil, sampleMessage, id), Extract: true, Received: time.Now(),
		Origin: &inject.CLI{Command: p.Name, Arguments: p.Args, User: userName()},
	})
	if err != nil {
		return err
	}
	reading, cancel := context.WithTimeout(ctx, sampleWait)
	defer cancel()
	found := errors.New("found")
	q := embeddedQueues(d.store, &d.cfg.RabbitMQ)
	err = q.Read(reading, d.cfg.RabbitMQ.Results, control.ReadOptions{Keep: true, Follow: true}, func(bodies [][]byte) error {
		for _, b := range bodies {
			if bytes.Contains(b, []byte(id)) {
				p.show(b)
				return found
			}
		}
		return nil
	})
	if !errors.Is(err, found) && ctx.Err() == nil {
		fmt.Fprintf(p.Stdout, "The sample message has no result yet, or one behind many others that nobody has read. See %s\n\n", d.cfg.Logs.Error)
	}
	return nil
}

func (p *Program) show(result []byte) {
	var pretty bytes.Buffer
	if json.Indent(&pretty, result, "", "  ") != nil {
		pretty.Write(result)
	}
	fmt.Fprintf(p.Stdout, "The sample message went through. Its result:\n\n%s\n\n", pretty.Bytes())
}

//go:embed trial-hints.txt
var trialHints string

func (p *Program) hints(cfg *config.Config, file, console string) {
	if console != "" {
		console = "Its console is at " + console + " in your browser."
	}
	sink := "All mail goes to the built-in receiver: remove the line smtp-sink-address to let it out."
	if !cfg.Sink.On {
		sink = "Mail goes to its real receivers."
	}
	fmt.Fprint(p.Stdout, strings.NewReplacer("CONSOLE", console, "PROGRAM", p.Name, "FILE", file, "SPOOL", cfg.Spool.Directory,
		"PORT", strconv.Itoa(int(cfg.SMTPIn.Ports[0].First)), "SINK", sink).Replace(trialHints))
}
