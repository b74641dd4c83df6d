package app

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"posthoorn/internal/app/config"
	"posthoorn/internal/control"
	"posthoorn/internal/outbox"
	"posthoorn/internal/settings"
)

// firstRead is how long the start waits for the settings; a database that is slower is read when it answers.
const firstRead = 10 * time.Second

// openSettings reads the settings and keeps them up to date. Nothing about the database stops the start: on a bad day mail goes out
// with the built-in limits. It comes after dropPrivileges, so that a new file belongs to the user.
func (d *Daemon) openSettings() error {
	o := settings.CacheOptions{
		TTL: d.cfg.Database.TTL, Server: d.cfg.General.ServerID, Logger: d.named("settings"), Registerer: d.metrics, Own: d.addresses.own,
	}
	db := d.openDatabase()
	d.database = db
	if db != nil {
		o.Store = db
	}
	d.settings = settings.NewCache(o)
	d.editor = settings.NewEditor(d.settings, nil)
	if db != nil {
		d.editor = settings.NewEditor(d.settings, db)
	}
	if err := d.firstSettings(); err != nil {
		return err
	}
	var running sync.WaitGroup
	running.Go(func() { d.settings.Run(d.ctx) })
	running.Go(func() { d.editor.Run(d.ctx) })
	d.later("settings", func() {
		running.Wait()
		if db != nil {
			db.close()
		}
	})
	return nil
}

// openDatabase is nil without a database.
func (d *Daemon) openDatabase() *database {
	c := &d.cfg.Database
	if c.Address.IsZero() {
		return nil
	}
	db := &database{config: c, log: d.named("settings"), ips: d.ips}
	if _, err := db.open(); err != nil && c.Default {
		d.log.Warn("the database of the settings cannot be made; there are only the built-in limits", "database", c.Address.String(), "error", err)
		return nil
	}
	return db
}

// firstSettings are those that the engine starts with.
func (d *Daemon) firstSettings() error {
	ctx, cancel := context.WithTimeout(d.ctx, firstRead)
	defer cancel()
	if err := d.settings.Reload(ctx); err != nil {
		d.log.Error("starting without the settings of the database; they count as soon as it can be read",
			"database", d.cfg.Database.Address.String(), "error", err)
	}
	if d.cfg.General.Paused {
		if _, err := d.settings.Pause(d.ctx, settings.Pause{Memory: true}); err != nil {
			return wrong(config.ExitConfig, "--paused: %w", err)
		}
	}
	return nil
}

// ips are the addresses that mail can leave from, and where other programs publish such mail; the embedded queue has neither vhost
// nor exchange.
func (d *Daemon) ips() (list []netip.Addr, vhost, exchange, outbox string) {
	for _, ip := range d.addresses.own() {
		if (d.cfg.General.Loopback || !ip.IsLoopback()) && !ip.IsLinkLocalUnicast() {
			list = append(list, ip)
		}
	}
	r := &d.cfg.RabbitMQ
	if r.Embedded {
		return list, "", "", r.Outbox
	}
	return list, r.Nodes[0].VHost, r.Exchange, r.Outbox
}

// follow tells the engine of each change. One may have come before it listened.
func (d *Daemon) follow() {
	d.settings.Subscribe(func(*settings.Snapshot) { d.engine.Changed() })
	d.engine.Changed()
}

// reloadSettings is for the operator, who gets the exit code of the database.
func (d *Daemon) reloadSettings(ctx context.Context) error {
	err := d.settings.Reload(ctx)
	if err != nil {
		return &control.Error{Exit: config.ExitUnavailable, Text: "the settings could not be read again: " + err.Error()}
	}
	return nil
}

// operator carries out the commands: pauses stand in the settings, all else is the engine's.
type operator struct {
	*outbox.Engine
	settings *settings.Editor
	log      *slog.Logger
}

// Pause is that of the settings.
func (o operator) Pause(ctx context.Context, who string, p settings.Pause) (settings.Pause, error) {
	return o.settings.Pause(ctx, who, p)
}

// Resume also ends the pauses that answers of servers have begun, whatever the database says. Both are counted.
func (o operator) Resume(ctx context.Context, who string, p settings.Pause) (int, error) {
	n, err := o.settings.Resume(ctx, who, p)
	if errors.Is(err, context.Canceled) {
		return n, err
	}
	calmed := o.Calm(p)
	if calmed > 0 {
		o.noteCalm(ctx, who, &p, calmed)
	}
	return n + calmed, err
}

func (o operator) noteCalm(ctx context.Context, who string, p *settings.Pause, n int) {
	facts := settings.Cells{"pauses": n, "destination": p.Domain}
	for name, ip := range map[string]netip.Addr{"ip": p.Source, "remote": p.Remote} {
		if ip.IsValid() {
			facts[name] = ip
		}
	}
	if err := o.Note(ctx, who, "calm", facts); err != nil {
		o.log.Warn("an order is not among the changes, only in this log", "order", "calm", "by", who, "pauses", n, "error", err)
	}
}

// Note is that of the settings.
func (o operator) Note(ctx context.Context, who string, action settings.Action, facts settings.Cells) error {
	return o.settings.Note(ctx, who, action, facts)
}
