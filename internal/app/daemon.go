package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"posthoorn/internal/app/config"
	"posthoorn/internal/broker"
	"posthoorn/internal/console"
	"posthoorn/internal/dns"
	"posthoorn/internal/inject"
	"posthoorn/internal/journal"
	"posthoorn/internal/localqueue"
	"posthoorn/internal/monitor"
	"posthoorn/internal/outbox"
	"posthoorn/internal/prepare"
	"posthoorn/internal/settings"
	"posthoorn/internal/smtpd"
	"posthoorn/internal/stats"

	"github.com/prometheus/client_golang/prometheus"
)

// Daemon is the running program.
type Daemon struct {
	cfg         *config.Config
	log         *slog.Logger
	journal     *journal.Journal
	madeForLogs []string // directories of logs that this start has made
	metrics     *prometheus.Registry
	addresses   *addresses
	space       *space
	store       *localqueue.Store
	broker      broker.Broker
	resolver    *dns.Resolver
	door        *inject.Door
	settings    *settings.Cache
	editor      *settings.Editor
	database    *database // of the settings; nil: none
	names       *names
	learning    atomic.Bool // names are being looked up
	monitor     *monitor.Hub
	stats       *stats.Board // nil: there is no console to show it
	bodies      *bodies      // nil: no message store
	prepare     *prepare.Preparer
	keyInDNS    func()
	engine      *outbox.Engine
	smtp        *smtpd.Server
	console     *console.Server // nil: off
	version     string
	started     time.Time
	cleanups    []cleanup
	evacuated   chan struct{}
	running     sync.WaitGroup
	ctx         context.Context
	cancel      context.CancelFunc
}

// cleanup undoes one step of the start.
type cleanup struct {
	what string
	do   func()
}

// Start builds everything, from the bottom up. What was built is taken down again when a step fails. Until the logs are open,
// problems go to stderr.
func Start(cfg *config.Config, version string, stderr io.Writer) (*Daemon, error) {
	d := &Daemon{
		cfg: cfg, version: version, started: time.Now(), metrics: prometheus.NewRegistry(), addresses: &addresses{}, evacuated: make(chan struct{}), monitor: &monitor.Hub{},
		log: slog.New(slog.NewTextHandler(stderr, nil)),
	}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	for _, step := range []func() error{
		d.checkLimits, d.makeState, d.lock, d.openJournal, d.openStore, d.openBroker, d.openResolver, d.openDoor, d.listen, d.openConsole,
		d.registerMetrics, d.dropPrivileges, d.openSettings, d.openBodies, d.openContent, d.startEngine, d.startDoors,
	} {
		if err := step(); err != nil {
			d.log.Error("start failed", "error", err)
			d.undo()
			return nil, err
		}
	}
	d.log.Info("started", "queue", d.queueName(), "state", cfg.General.StateDirectory)
	return d, nil
}

func (d *Daemon) queueName() string {
	r := &d.cfg.RabbitMQ
	if r.Embedded {
		return "embedded: " + r.Why
	}
	return "RabbitMQ at " + r.Nodes[0].String() + ": " + r.Why
}

// later registers what undoes the step just taken.
func (d *Daemon) later(what string, do func()) { d.cleanups = append(d.cleanups, cleanup{what, do}) }

// undo takes down what was built, last in first out. A step that takes long is named.
func (d *Daemon) undo() {
	d.cancel()
	for i := len(d.cleanups) - 1; i >= 0; i-- {
		c := d.cleanups[i]
		slow := time.AfterFunc(3*time.Second, func() { d.log.Info("stopping: still waiting", "for", c.what) })
		c.do()
		slow.Stop()
	}
	d.cleanups = nil
}

// Stop ends the program in an orderly way: nothing new is accepted or started, what is past its final dot is finished, everything
// accepted is reported or back in its queue.
func (d *Daemon) Stop() {
	d.log.Info("stopping")
	d.undo()
}

// Reload opens the log files again and reads the settings again. Each is done whatever comes of the other.
func (d *Daemon) Reload(ctx context.Context) error {
	logs := d.journal.Reopen(ctx)
	if logs != nil {
		d.log.Error("logs could not be opened again", "error", logs)
	}
	read := d.reloadSettings(ctx)
	if read != nil {
		d.log.Error("not reloaded as a whole", "error", read)
	}
	if err := errors.Join(logs, read); err != nil {
		return err
	}
	d.log.Info("reloaded: log files are open again, the settings were read")
	return nil
}

// Evacuated is closed when the operator has given all mail away for good: the daemon should stop.
func (d *Daemon) Evacuated() <-chan struct{} { return d.evacuated }

// Failed is closed when the local queue can keep nothing any more.
func (d *Daemon) Failed() <-chan struct{} { return d.store.Failed() }

func (d *Daemon) checkLimits() error {
	if err := raiseFiles(d.cfg.SMTPIn.Connections + d.cfg.Delivery.Connections + d.cfg.SMTPIn.ConnectionsIn + 4*d.cfg.Console.Connections); err != nil {
		return wrong(config.ExitConfig, "%w", err)
	}
	return nil
}

func (d *Daemon) makeState() error {
	dir := d.cfg.General.StateDirectory
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return wrong(config.ExitConfig, "state-directory: %w", err)
	}
	probe, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return wrong(config.ExitConfig, "state-directory %s: cannot write into it: %w", dir, err)
	}
	probe.Close()
	return os.Remove(probe.Name())
}

func (d *Daemon) lock() error {
	l, err := takeLock(d.cfg.General.Lock)
	if err != nil {
		return wrong(config.ExitConfig, "%w", err)
	}
	d.later("lock", l.release)
	return nil
}

func (d *Daemon) openJournal() error {
	made := d.missingLogDirectories()
	j, err := journal.Open(journalOptions(d.cfg, d.metrics))
	if err != nil {
		return wrong(config.ExitConfig, "%w", err)
	}
	d.journal, d.madeForLogs = j, made
	if d.cfg.Logs.Error != "" || len(d.cfg.Logs.Application) > 0 {
		d.log = slog.New(j.Handler())
	}
	for _, w := range d.cfg.Warnings {
		d.log.Warn(w.String())
	}
	d.later("logs", func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = j.Close(ctx)
	})
	return nil
}

func (d *Daemon) openStore() error {
	dir := filepath.Join(d.cfg.General.StateDirectory, "queue")
	store, err := localqueue.Open(dir, localqueue.Options{Logger: d.named("localqueue"), Registerer: d.metrics})
	if err != nil {
		return wrong(config.ExitConfig, "state-directory: %w", err)
	}
	d.store = store
	d.later("local queue", func() {
		if err := store.Close(); err != nil && !errors.Is(err, localqueue.ErrClosed) {
			d.log.Error("local queue did not close well", "error", err)
		}
	})
	logs := &d.cfg.Logs
	d.space = newSpace(d.cfg.Local.MinFree, dir, dirOf(logs.Send.File), dirOf(logs.Received.File), dirOf(logs.Error))
	d.running.Go(func() { d.space.watch(d.ctx) })
	if d.cfg.RabbitMQ.Embedded {
		d.running.Go(func() { d.trim(d.ctx) })
	}
	d.later("watchers", d.running.Wait)
	return nil
}

func dirOf(file string) string {
	if file == "" {
		return ""
	}
	return filepath.Dir(file)
}

func (d *Daemon) named(source string) *slog.Logger { return d.log.With(journal.SourceKey, source) }

// trim cuts the queues of the embedded broker that nobody reads (queues.md section 10).
func (d *Daemon) trim(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	r := &d.cfg.RabbitMQ
	kept := map[string]bool{r.Outbox: true, r.Inbox: true, r.Local: true, r.Reports: true, r.Refused: true, r.Failure: true, r.DSN: true}
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			n, err := d.store.Trim(ctx, now, d.cfg.Local.ResultsAge, d.cfg.Local.ResultsSize, func(q string) bool { return !kept[q] })
			if err == nil && n > 0 {
				d.log.Warn("results that nobody has read were dropped (local-results-age, local-results-size)", "messages", n)
			}
		}
	}
}
