package app

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"posthoorn/internal/app/config"
	"posthoorn/internal/deliver"
	"posthoorn/internal/dns"
	"posthoorn/internal/journal"
	"posthoorn/internal/mail"
	"posthoorn/internal/outbox"
	"posthoorn/internal/settle"
)

// openResolver makes the resolver that everything asks.
func (d *Daemon) openResolver() error {
	c := &d.cfg.DNS
	o := dns.Options{
		Attempts: c.Attempts.Value, Interval: c.Interval.Value, Timeout: c.Timeout.Value, Capacity: c.Capacity, MinTTL: c.MinTTL,
		AllowLocal: d.cfg.Delivery.AllowLocal, Own: d.isOwn, Metrics: d.metrics,
	}
	for _, s := range c.Servers {
		o.Servers = append(o.Servers, serverAddress(s))
	}
	if c.Rotate.Set {
		o.Rotate = &c.Rotate.Value
	}
	r, err := dns.New(o)
	if err != nil {
		return wrong(config.ExitConfig, "dns-servers: %w", err)
	}
	d.resolver = r
	return nil
}

func serverAddress(s config.HostPort) string {
	return net.JoinHostPort(s.Host, strconv.Itoa(int(cmp.Or(s.Port, 53))))
}

// isOwn says that mail for this server would come back to here: our own name, or an address that our SMTP port listens on.
func (d *Daemon) isOwn(host string, addr netip.Addr) bool {
	if host == d.cfg.General.Hostname {
		return true
	}
	if !addr.IsValid() || !d.listensOn(d.cfg.Delivery.RemotePort) {
		return false
	}
	ips := d.cfg.SMTPIn.IPs
	return slices.Contains(ips, addr) || len(ips) == 0 && d.addresses.isOwn(addr)
}

func (d *Daemon) listensOn(port uint16) bool {
	for _, r := range d.cfg.SMTPIn.Ports {
		if port >= r.First && port <= r.Last {
			return true
		}
	}
	return false
}

// creditPerConnection is how many messages should be in memory for each outgoing connection, for the plan to have a choice.
const creditPerConnection = 3

// tellCredit says what the credit means for memory, and warns when it is too small for the connections.
func (d *Daemon) tellCredit() {
	credit := d.cfg.RabbitMQ.Consumers * d.cfg.RabbitMQ.QoS
	connections := d.limits().TotalConnections()
	d.log.Info("messages in memory", "credit", credit, "as many that waited", credit, "budget in MB", memoryBudget>>20)
	if credit < creditPerConnection*connections {
		d.log.Warn("rabbitmq-qos times rabbitmq-consumers is less than three messages for each outgoing connection: connections may stand idle",
			"credit", credit, "connections", connections)
	}
}

// memoryBudget bounds the bytes of all messages in memory: beyond it consuming pauses.
const memoryBudget = 256 << 20

func (d *Daemon) startEngine() error {
	d.tellCredit()
	o, err := d.engineOptions()
	if err != nil {
		return err
	}
	d.engine = outbox.New(o)
	if err := d.engine.Start(); err != nil {
		return wrong(config.ExitUnavailable, "outbox: %w", err)
	}
	d.later("deliveries", d.stopEngine)
	d.follow()
	return nil
}

// stopEngine also tells the ledger when every ack is known to have arrived. It keeps what it has nevertheless: a broker that
// dies now forgets the acks of its last seconds, and has perhaps not yet brought again what was in hand before our last start.
func (d *Daemon) stopEngine() {
	ctx, cancel := context.WithTimeout(context.Background(), 70*time.Second)
	defer cancel()
	if d.engine.Stop(ctx) {
		if err := d.store.NoneInHand(ctx); err != nil {
			d.log.Warn("the clean end could not be noted in the ledger", "error", err)
		}
	}
}

func (d *Daemon) engineOptions() (outbox.Options, error) {
	r, del := &d.cfg.RabbitMQ, &d.cfg.Delivery
	d.names = newNames(d.settings.Current, d.resolver, d.cfg.General.Hostname)
	o := outbox.Options{
		Broker: d.broker, Remote: !r.Embedded, Waiting: d.store, Ledger: d.store, Records: d.store, Resolver: d.resolver, Settler: d.settler(),
		Queues:    outbox.Queues{Outbox: r.Outbox, Results: r.Results, Success: r.Success, Failure: r.Failure, Retry: r.Retry, DSN: r.DSN},
		Notices:   outbox.Notices{MTA: d.cfg.DSN.MTA, From: d.cfg.DSN.From, Default: mail.DSN{Notify: strings.Join(d.cfg.DSN.Notify, ","), Ret: d.cfg.DSN.Ret}},
		Consumers: r.Consumers, Credit: r.QoS, ByteBudget: memoryBudget,
		Rules:  mail.Rules{LooseEnvelope: !del.StrictEnvelope, LooseRecipient: !del.StrictRecipient},
		Words5: d.cfg.General.States5, MaxDelivery: del.MaxDeliverTime, MaxAttempts: del.MaxAttempts, Intervals: del.RetryIntervals,
		RemotePort: del.RemotePort, DefaultIPs: del.DefaultIPs, Own: d.addresses.own, Loopback: d.cfg.General.Loopback,
		Name:  d.names.of,
		Total: d.limits().TotalConnections, Settings: d.settings.Current, Room: d.space.Room, Stats: d.stats, Deliver: deliver.Options{Log: d.named("deliver"), Register: d.metrics, Monitor: d.monitor},
		Prepare: d.prepare, Logger: d.named("outbox"), Registerer: d.metrics,
	}
	if d.journal.SendOn() {
		o.Journal = func(email, result []byte, res *mail.Result) {
			d.journal.Send(journal.Delivery{Time: res.Time, Attempt: res.Attempt, Email: email, Result: result})
		}
	}
	if d.console != nil {
		o.Observe = d.console.Observe
	}
	if d.bodies != nil {
		o.Bodies, o.StoreOut = d.bodies, d.cfg.Storage.StoreOut
	}
	o.Smarthost = serverOf(d.cfg.Smarthost)
	if o.Sink = serverOf(d.cfg.Sink); o.Sink != nil {
		addr, err := d.resolveSink(o.Sink.Host)
		if err != nil {
			return o, wrong(config.ExitConfig, "smtp-sink-address: %w", err)
		}
		o.SinkAddr = addr
	}
	return o, nil
}

func (d *Daemon) limits() *limits {
	return &limits{total: d.cfg.SMTPIn.Connections, out: d.cfg.Delivery.Connections, incoming: d.smtp.Sessions}
}

func serverOf(r config.Relay) *outbox.Server {
	if !r.On {
		return nil
	}
	return &outbox.Server{Host: r.Host, Port: r.Port, Username: r.Login.User, Password: r.Login.Password.Reveal()}
}

// resolveSink finds the address of the sink, once (config.md section 3.13).
func (d *Daemon) resolveSink(host string) (netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr, nil
	}
	ctx, cancel := context.WithTimeout(d.ctx, 30*time.Second)
	defer cancel()
	route, err := d.resolver.ResolveHost(ctx, host)
	if err != nil {
		return netip.Addr{}, err
	}
	return route.Targets[0].Addr, nil
}

// settler is that of the queue in use.
func (d *Daemon) settler() outbox.Settler {
	if d.cfg.RabbitMQ.Embedded {
		return &settle.Embedded{Store: d.store, Input: func() settle.Input { return d.engine.Input().(settle.Input) }}
	}
	return settle.NewRemote(settle.Options{Store: d.store, Sender: d.broker, Logger: d.named("settle"), Registerer: d.metrics})
}
