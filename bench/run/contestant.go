package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// contestant takes mail and brings it to the sink.
type contestant interface {
	tree() []int // its processes
	ready() bool
	alive() error
	engine() string  // what it signs with, as it says itself; empty: it does not say
	feed(load) error // returns when all is accepted
	stop()
}

// keeper is a contestant that keeps mail instead of bringing it to the sink.
type keeper interface {
	contestant
	address() string   // takes SMTP
	kept() (int, bool) // how many messages it has; false: it does not say
}

// posthoorn is the built program. Which of smtp and embedded are set says how mail comes in.
type posthoorn struct {
	*process
	b        *bench
	config   string
	outbox   string
	inbox    string // where mail stays; empty: nowhere
	state    string
	door     string // address of its SMTP door
	console  string // address of its console; empty: there is none
	smtp     bool   // mail comes in by SMTP
	embedded bool   // no broker
}

func startPosthoorn(b *bench, r row, dir string) (contestant, error) {
	p := &posthoorn{b: b, config: filepath.Join(dir, "config.txt"), state: stateIn(dir),
		outbox: b.queues.outbox, smtp: r.bySMTP, embedded: !r.broker}
	port := freePort(b.host)
	all, out := connectionsOf(r)
	www := 0
	if r.watched {
		www = freePort(b.host)
		p.console = fmt.Sprintf("127.0.0.1:%d", www)
	}
	p.door = fmt.Sprintf("127.0.0.1:%d", port)
	keys := []string{
		"state-directory: " + p.state,
		"database-address: sqlite://" + settingsIn(dir),
		"dns-servers: " + b.names,
		fmt.Sprintf("smtp-remote-port: %d", b.sink.port),
		"smtp-allow-local: true",
		"smtp-default-ips: 127.0.0.1",
		fmt.Sprintf("smtp-connections: %d", all),
		fmt.Sprintf("smtp-connections-out: %d", out),
		"smtp-ip: 127.0.0.1",
		fmt.Sprintf("smtp-port: %d", port),
		fmt.Sprintf("www-port: %d", www),
		"local-min-free: 1MB",
		"error-log: " + filepath.Join(dir, "errors.log"),
		"application-log: stdout",
		"send-log-directory: " + dir,
		"received-log-directory: " + dir,
		"download-log-directory: " + dir,
		"rabbitmq-outbox: outbox",
		"rabbitmq-results: results",
	}
	if r.broker {
		keys = append(keys[:len(keys)-2], "rabbitmq-address: "+b.rabbit.URL(),
			"rabbitmq-outbox: "+b.queues.outbox, "rabbitmq-results: "+b.queues.results)
	}
	if r.keeps != "" {
		p.inbox = b.queues.inbox
		keys = append(keys, "rabbitmq-inbox: "+p.inbox)
	}
	if r.content.stored {
		keys = append(keys, "storage-address: dir://"+bodiesIn(dir))
	}
	if err := writeSettings(settingsIn(dir), r.settings); err != nil {
		return nil, err
	}
	if err := os.WriteFile(p.config, []byte(strings.Join(keys, "\n")+"\n"), 0o600); err != nil {
		return nil, err
	}
	var err error
	p.process, err = spawn(dir, b.program(), "--config-file", p.config)
	return p, err
}

// connectionsOf is how many connections there may be. Three quarters of them all may come in, nine tenths may go out.
func connectionsOf(r row) (all, out int) {
	if r.keeps != "" {
		return r.connections * 3 / 2, 1
	}
	return r.connections + 50, r.connections
}

func (p *posthoorn) ready() bool {
	return listens(p.door) && (p.console == "" || listens(p.console)) && (p.embedded || p.b.consumed())
}

func (p *posthoorn) address() string { return p.door }

func (p *posthoorn) feed(l load) error {
	switch {
	case p.smtp:
		return l.smtp(p.door)
	case p.embedded:
		return p.publish(l)
	}
	return l.publish(p.b.rabbit.URL(), p.outbox)
}

// publish uses the program's own command.
func (p *posthoorn) publish(l load) error {
	var lines bytes.Buffer
	for id := range l.n {
		lines.Write(append(l.encode(id), '\n'))
	}
	cmd := exec.Command(p.b.program(), "queue", "publish", "outbox", "--config-file", p.config)
	cmd.Stdin = &lines
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("queue publish: %w: %s", err, out)
	}
	return nil
}

// kept is part of keeper.
func (p *posthoorn) kept() (int, bool) {
	if p.embedded {
		return depthOf(p.state, p.inbox)
	}
	return p.b.depth(p.inbox)
}

// bare is the upper bound.
type bare struct {
	*process
	b *bench
}

func startBare(b *bench, r row, dir string, trips string) (contestant, error) {
	p, err := spawn(dir, filepath.Join(b.o.bin, "bench", "bare"),
		"-url", b.rabbit.URL(), "-outbox", b.queues.outbox, "-results", b.queues.results,
		"-sink", b.sink.addr(), "-c", fmt.Sprint(r.connections), "-trips", trips, fmt.Sprint("-sign=", r.content.signed))
	return &bare{p, b}, err
}

func (p *bare) ready() bool       { return p.b.consumed() }
func (p *bare) feed(l load) error { return l.publish(p.b.rabbit.URL(), p.b.queues.outbox) }
