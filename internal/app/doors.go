package app

import (
	"context"
	"net/netip"
	"time"

	"posthoorn/internal/app/config"
	"posthoorn/internal/inject"
	"posthoorn/internal/journal"
	"posthoorn/internal/smtpd"
	"posthoorn/internal/spool"
)

func (d *Daemon) openDoor() error {
	r := &d.cfg.RabbitMQ
	o := inject.Options{
		Sender: d.broker, Blocked: d.broker.Blocked, Room: d.space.Room,
		Queues:   inject.Queues{Inbox: r.Inbox, Local: r.Local, Reports: r.Reports, Refused: r.Refused},
		Hostname: d.cfg.General.Hostname, ServerID: d.cfg.General.ServerID, MaxSize: d.cfg.SMTPIn.MaxSize,
		MaxDeliverTime: d.cfg.Delivery.MaxDeliverTime, Loose: !d.cfg.SMTPIn.StrictAddress, Log: d.named("inject"), Metrics: d.metrics,
	}
	if !d.cfg.Storage.Address.IsZero() {
		d.bodies = &bodies{ttl: d.cfg.Storage.TTL}
		o.Bodies, o.StoreAll = d.bodies, d.cfg.Storage.StoreIn
	}
	d.door = inject.New(o)
	return nil
}

// listen opens the SMTP ports; sessions begin when the engine runs.
func (d *Daemon) listen() error {
	in := &d.cfg.SMTPIn
	o := smtpd.Options{
		Door: d.door, Hostname: d.cfg.General.Hostname, IPs: in.IPs, Ports: portsOf(in.Ports), SecurePorts: portsOf(in.SecurePorts),
		CertificateFile: in.Certificate, KeyFile: in.Key, CipherSuites: in.Ciphers, Range: in.Range, Proxy: in.Proxy,
		Extract: in.Extract, DSN: d.cfg.DSN.Advertise, Loose: !in.StrictAddress, Mappable: d.cfg.Delivery.MappableIPs,
		Unmappable: d.cfg.Delivery.UnmappableIPs, Own: d.addresses.isOwn, MaxSize: in.MaxSize, MaxSessions: sessions(in.Connections), Timeout: in.Timeout,
		Locals: currentLocals(d.current), Checker: d.newChecker(), Reports: newRecogniser(d.named("reports"), d.metrics).recognise,
		ResultsLocal: in.ResultsLocal, ResultsNonlocal: in.ResultsNonlocal, Monitor: d.monitor, Log: d.named("smtp"), Metrics: d.metrics,
	}
	if in.Protection {
		o.Barred = func(ip netip.Addr) bool { return d.current().Blacklisted(ip) }
	}
	if in.ConnectionsIn > 0 {
		o.MaxSessions = min(o.MaxSessions, in.ConnectionsIn)
	}
	if in.HasLogin {
		guard, err := d.smtpLogin()
		if err != nil {
			return wrong(config.ExitConfig, "%w", err)
		}
		o.Login = guard
		o.MaxSessionsPerIP = max(5, o.MaxSessions/2) // who may log in is not known before: half, so that nobody has all
	}
	if d.journal.ReceivedOn() {
		o.Received = func(object []byte, report bool) {
			d.journal.Received(journal.Reception{Time: time.Now(), JSON: object, Report: report})
		}
	}
	s, err := smtpd.New(o)
	if err == nil {
		err = s.Listen()
	}
	if err != nil {
		return wrong(config.ExitConfig, "SMTP: %w", err)
	}
	d.smtp = s
	d.later("SMTP ports", d.stopSMTP)
	return nil
}

// stopSMTP closes the ports and ends the sessions; it is called again with the ports that were opened for nothing.
func (d *Daemon) stopSMTP() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	d.smtp.Stop(ctx)
}

// startDoors lets mail in: sessions, sockets and the spool directory. They are the first to be stopped.
func (d *Daemon) startDoors() error {
	if err := d.openSockets(); err != nil {
		return err
	}
	if err := d.openSpool(); err != nil {
		return err
	}
	d.watchLocals()
	d.smtp.Serve()
	d.later("SMTP sessions", d.stopSMTP)
	return d.startConsole()
}

func (d *Daemon) openSpool() error {
	c := &d.cfg.Spool
	if c.Directory == "" {
		return nil
	}
	s, err := spool.New(spool.Options{
		Directory: c.Directory, FailDirectory: c.FailDirectory, Delay: c.Delay, Keep: !c.Remove, Extract: c.Extract, OpenFiles: c.OpenFiles,
		Threads: c.Threads, MaxSize: d.cfg.SMTPIn.MaxSize, Door: d.door, Log: d.named("spool"), Registerer: d.metrics,
	})
	if err != nil {
		return wrong(config.ExitConfig, "%w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx)
	}()
	d.later("spool", func() { cancel(); <-done; _ = s.Close() })
	return nil
}

func portsOf(ranges []config.PortRange) []int {
	var ports []int
	for _, r := range ranges {
		for p := int(r.First); p <= int(r.Last); p++ {
			ports = append(ports, p)
		}
	}
	return ports
}
