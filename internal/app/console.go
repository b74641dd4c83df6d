package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"

	"posthoorn/internal/app/config"
	"posthoorn/internal/console"
	"posthoorn/internal/control"
	"posthoorn/internal/journal"
	"posthoorn/internal/login"
	"posthoorn/internal/settings"
	"posthoorn/internal/stats"

	"github.com/prometheus/client_golang/prometheus/collectors"
)

var (
	errQueueFailed = errors.New("the local queue has failed")
	errLoopStands  = errors.New("the engine does not come round")
)

// openConsole opens the ports of the console; requests are answered when everything runs.
func (d *Daemon) openConsole() error {
	c := &d.cfg.Console
	if !c.On() {
		return nil
	}
	d.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	o := d.consoleOptions()
	var err error
	if o.Login, err = d.consoleLogin(); err != nil {
		return wrong(config.ExitConfig, "%w", err)
	}
	s, err := console.New(o)
	if err == nil {
		err = s.Listen()
	}
	if errors.Is(err, syscall.EADDRINUSE) && c.Port == config.UsualConsolePort && c.SecurePort == 0 {
		d.log.Warn("there is no console: its usual port is taken; set www-port to another one, or to 0", "port", c.Port)
		return nil
	}
	if err != nil {
		return wrong(config.ExitConfig, "%w", err)
	}
	d.console, d.stats = s, stats.New(stats.Options{})
	d.later("console ports", d.stopConsole)
	return nil
}

// startConsole lets browsers in.
func (d *Daemon) startConsole() error {
	if d.console == nil {
		return nil
	}
	g := &d.cfg.General
	d.running.Go(func() { d.sample(d.ctx) })
	d.console.Serve(console.Parts{
		Instance: console.Instance{
			Hostname: g.Hostname, Version: d.version, Started: d.started, ServerID: g.ServerID, Queue: d.queueKind(), Sources: d.sources,
		},
		Operator: d.engine, Destination: control.Destination, Health: health{d},
		Tokens: tokens{d.settings}, Settings: d.settings.Current, Editor: d.editor, Name: d.sourceName,
		Logs: d.journal, Door: d.door, DNS: d.resolver.Fresh(), KeyInDNS: d.keyInDNS, Monitor: d.monitor, Stats: d.stats, Traffic: d.engine, Incoming: d.smtp.Sessions,
	})
	d.later("console", d.stopConsole)
	for _, a := range d.console.Addresses() {
		d.log.Info("the console listens", "address", a.String())
	}
	return nil
}

// consoleURL is where the console is; empty: there is none.
func (d *Daemon) consoleURL() string {
	if d.console == nil {
		return ""
	}
	return "http://" + d.console.Addresses()[0].String() + "/"
}

// stopConsole may be called again with ports that were opened for nothing.
func (d *Daemon) stopConsole() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	d.console.Stop(ctx)
}

func (d *Daemon) consoleOptions() console.Options {
	c := &d.cfg.Console
	return console.Options{
		Address: consoleAddress(c.IP, c.Port), SecureAddress: consoleAddress(c.IP, c.SecurePort),
		Certificate: c.Certificate, Key: c.Key, Ciphers: c.Ciphers,
		Password: c.Auth.IsZero(), Names: d.consoleNames(), URL: c.URL.String(), Dir: c.Dir, CacheControl: c.CacheControl, Requests: c.Connections, Profile: c.Profile,
		Access: d.consoleAccess, Gatherer: d.metrics, Registerer: d.metrics, Log: d.named("console"),
	}
}

func consoleAddress(ip netip.Addr, port uint16) string {
	if port == 0 {
		return ""
	}
	return net.JoinHostPort(ip.String(), strconv.Itoa(int(port)))
}

// consoleNames are those that browsers may call this host by.
func (d *Daemon) consoleNames() []string {
	names := []string{d.cfg.General.Hostname}
	if name, err := os.Hostname(); err == nil {
		names = append(names, name)
	}
	c := &d.cfg.Console
	if c.Host != "" {
		names = append(names, c.Host)
	}
	for _, h := range c.URL.Hosts {
		names = append(names, h.Host)
	}
	return names
}

func (d *Daemon) queueKind() string {
	r := &d.cfg.RabbitMQ
	if r.Embedded {
		return "embedded"
	}
	return "RabbitMQ at " + r.Nodes[0].String()
}

// consoleLogin is www-auth, or the one password; nil: there is neither.
func (d *Daemon) consoleLogin() (console.Login, error) {
	c := &d.cfg.Console
	auth := c.Auth
	if auth.IsZero() {
		if c.Password == "" {
			return nil, nil
		}
		auth = config.Auth{Kind: "hardcoded", Logins: []config.Login{{User: console.PasswordUser, Password: c.Password}}}
	}
	checker, err := d.loginChecker(auth)
	if err != nil {
		return nil, fmt.Errorf("www-auth: %w", err)
	}
	return login.NewGuard(checker, login.Options{Door: "www", Log: d.named("login"), Registry: d.metrics}), nil
}

func (d *Daemon) consoleAccess(a console.Access) {
	d.journal.Request(journal.Request{Time: a.Time, IP: a.Peer.String(), Request: a.Request})
}

// sources are the addresses that mail can leave from.
func (d *Daemon) sources() []netip.Addr {
	list, _, _, _ := d.ips()
	return list
}

// tokens are those of the settings in force.
type tokens struct{ *settings.Cache }

func (t tokens) TokenName(token string) (string, bool) { return t.Current().TokenName(token) }

// Write is that of settings.Database.
func (b *database) Write(ctx context.Context, work func(settings.Tx) error) error {
	store, err := b.open()
	if err != nil {
		return err
	}
	return store.Write(ctx, work)
}

// sourceName is the name of one of our addresses as far as it is known, and where it comes from. One that is not known is looked up
// meanwhile.
func (d *Daemon) sourceName(ip netip.Addr) (text, origin string) {
	if row := d.settings.Current().Name(ip); row != "" {
		return row, "row"
	}
	known, ok := d.names.lookedUp(ip)
	switch {
	case !ok:
		d.learnNames()
	case known != literal(ip):
		return known, "dns"
	}
	return "", ""
}

// lookedUp is a name that was looked up before.
func (n *names) lookedUp(ip netip.Addr) (string, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	known, ok := n.known[ip]
	return known.text, ok
}

// learnNames looks the names of our addresses up, unless that is being done.
func (d *Daemon) learnNames() {
	if !d.learning.CompareAndSwap(false, true) {
		return
	}
	d.running.Go(func() {
		defer d.learning.Store(false)
		for _, ip := range d.addresses.own() {
			if d.ctx.Err() == nil {
				d.names.of(d.ctx, ip)
			}
		}
	})
}
