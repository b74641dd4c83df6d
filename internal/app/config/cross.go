package config

import (
	"net/netip"
	"path/filepath"
	"slices"
	"time"
)

// crossCheck looks at values that are right alone but not beside each other. Values that are wrong alone were reported
// before and are the zero of their type here.
func (b *builder) crossCheck() {
	b.checkQueues()
	b.checkEmbedded()
	b.checkIncoming()
	b.checkResults()
	b.checkListeners()
	b.checkDSN()
	b.checkPlaces()
	b.checkTimes()
}

// checkQueues: queues.md sections 3 and 5.
func (b *builder) checkQueues() {
	r := &b.cfg.RabbitMQ
	if b.isSet("rabbitmq-outbox") && !b.isGiven("rabbitmq-outbox") {
		b.wrong("rabbitmq-outbox", "the outbox must have a name", "the name of a queue")
	}
	if b.isSet("rabbitmq-inbox") && b.text("rabbitmq-inbox") == "" {
		b.warnKey("rabbitmq-inbox", "is empty: incoming mail goes to the outbox "+r.Outbox)
	}
	if r.Embedded {
		return
	}
	notDurable := b.isFalse("rabbitmq-durable")
	if r.Quorum && notDurable {
		b.wrong("rabbitmq-durable", "a quorum queue is always durable, and rabbitmq-queue-type is quorum", "true")
	}
	if r.Quorum && r.MaxPriority > 0 {
		b.warnKey("rabbitmq-maxpriority", "does not count for the outbox, which is a quorum queue")
	}
	if r.Quorum && r.Lazy {
		b.warnKey("rabbitmq-lazy", "does not count for the outbox, which is a quorum queue")
	}
	if r.Persistent && notDurable {
		b.warnKey("rabbitmq-durable", "is false: messages do not survive a restart of the broker, although they are published persistently")
	}
	if b.isFalse("rabbitmq-persistent") {
		b.warnKey("rabbitmq-persistent", "is false: messages in queues do not survive a restart of the broker")
	}
}

// checkEmbedded: on the embedded queue some keys have nothing to act on (config.md section 3.1).
func (b *builder) checkEmbedded() {
	if !b.cfg.RabbitMQ.Embedded {
		return
	}
	for _, name := range []string{"verify", "exchange", "declare", "durable", "persistent", "lazy", "maxpriority", "queue-type", "encoding"} {
		if b.isGiven("rabbitmq-" + name) {
			b.warnKey("rabbitmq-"+name, "has no effect on the embedded queue")
		}
	}
	local := get[Broker](b, "rabbitmq-address").LocalPath
	if local != "" && local != b.cfg.General.StateDirectory {
		b.warnKey("rabbitmq-address", "its path does not count, state-directory is set")
	}
}

// checkIncoming: who may relay, and logins that nobody could use.
func (b *builder) checkIncoming() {
	s := &b.cfg.SMTPIn
	if s.OpenAll {
		b.warnKey("smtp-range", "everyone in the world may relay mail through this server")
	}
	if slices.ContainsFunc(s.Proxy, func(p netip.Prefix) bool { return p.Bits() == 0 }) {
		b.warnKey("smtp-proxy", "everyone in the world may claim to come from any address, this machine's too")
	}
	switch {
	case !s.Auth.IsZero():
		if s.Login != (Login{}) {
			b.warnKey("smtp-auth", "counts, smtp-username and smtp-password do not")
		}
	case s.Login.User == "" && s.Login.Password != "":
		b.wrong("smtp-password", "smtp-username is missing beside it", "")
	case s.Login.User != "" && s.Login.Password == "":
		b.wrong("smtp-username", "smtp-password is missing beside it", "")
	}
	if s.HasLogin && s.Certificate == "" {
		name := "smtp-auth"
		if s.Auth.IsZero() {
			name = "smtp-username"
		}
		b.warnKey(name, "a login needs TLS: without smtp-certificate mail is taken for local recipients only")
	}
}

// checkResults: header fields with nothing to tell.
func (b *builder) checkResults() {
	s := &b.cfg.SMTPIn
	told := slices.ContainsFunc(s.Check, func(word string) bool { return word != "spam" })
	if (s.ResultsLocal || s.ResultsNonlocal) && !told {
		b.warnKey("smtp-auth-results", "has nothing to tell but logins: smtp-check names none of spf, dkim, dmarc, arc")
	}
}

// checkListeners: TLS needs a certificate, and the console may be closed in.
func (b *builder) checkListeners() {
	s, c := &b.cfg.SMTPIn, &b.cfg.Console
	if len(s.SecurePorts) > 0 && s.Certificate == "" {
		b.wrong("smtp-secure-port", "needs smtp-certificate", "")
	}
	if s.Certificate == "" && s.Key != "" {
		b.wrong("smtp-key", "needs smtp-certificate", "")
	}
	if c.SecurePort != 0 && c.Certificate == "" {
		b.wrong("www-secure-port", "needs www-certificate", "")
	}
	if c.Certificate == "" && c.Key != "" {
		b.wrong("www-privatekey", "needs www-certificate", "")
	}
	if b.isGiven("www-ip") && c.Password == "" && c.Auth.IsZero() && get[netip.Addr](b, "www-ip") != c.IP {
		b.warnKey("www-ip", "without www-password or www-auth the console listens on "+c.IP.String()+" only")
	}
	if !c.Auth.IsZero() && c.Password != "" {
		b.warnKey("www-auth", "counts, www-password does not")
	}
}

func (b *builder) checkDSN() {
	if n := b.cfg.DSN.Notify; len(n) > 1 && slices.Contains(n, "NEVER") {
		b.wrong("dsn-notify", "NEVER stands alone", "NEVER, or some of SUCCESS, FAILURE, DELAY")
	}
}

// maxSocketPath is what a Unix socket address can hold on Linux.
const maxSocketPath = 107

func (b *builder) checkPlaces() {
	g := &b.cfg.General
	if len(g.ControlSocket) > maxSocketPath {
		name := "rabbitmq-address" // a local:///path, if neither of the others
		for _, other := range []string{"state-directory", "lock"} {
			if b.isGiven(other) {
				name = other
			}
		}
		b.wrong(name, "the path of the sockets beside the lock would be too long", "a path that is shorter")
	}
	if d := b.cfg.Spool.Directory; d != "" && filepath.Clean(d) == filepath.Clean(b.cfg.Spool.FailDirectory) {
		b.wrong("spool-fail-directory", "is the spool directory itself", "another directory")
	}
	b.checkSharedLogs()
}

// checkSharedLogs: several kinds may share a file, but not where the program renames it for one of them under the
// others (logging.md section 3).
func (b *builder) checkSharedLogs() {
	l := &b.cfg.Logs
	rotated, users := map[string]bool{}, map[string]int{}
	logs := []struct {
		kind string
		log  Log
	}{
		{"send", l.Send}, {"received", l.Received}, {"download", l.Download}, {"www", l.WWW},
		{"send-bin", l.SendBin}, {"received-bin", l.ReceivedBin}, {"download-bin", l.DownloadBin}, {"www-bin", l.WWWBin},
	}
	for _, k := range logs {
		users[k.log.File]++
		rotated[k.log.File] = rotated[k.log.File] || k.log.Rotate
	}
	for _, k := range logs {
		for _, name := range []string{k.kind + "-log-file", k.kind + "-log-prefix", k.kind + "-log-directory"} {
			if b.isGiven(name) && rotated[k.log.File] && users[k.log.File] > 1 {
				b.warnKey(name, "another log has the file "+k.log.File+" too, and the program rotates it for one of them")
				break
			}
		}
	}
}

// checkTimes catches units that changed between versions.
func (b *builder) checkTimes() {
	if t := b.cfg.DNS.Timeout; t.Set && t.Value >= 10*time.Minute {
		b.warnKey("dns-timeout", "counts seconds; version 3.0 counted milliseconds")
	}
}
