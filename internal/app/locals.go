package app

import (
	"sync"

	"posthoorn/internal/mail"
	"posthoorn/internal/settings"
)

// currentLocals are the local addresses in force.
type currentLocals func() *settings.Snapshot

// Local says whether an address is one of them.
func (l currentLocals) Local(a mail.Address) bool { return l().Local(a) }

// current is the snapshot in force. Sessions begin when there is one.
func (d *Daemon) current() *settings.Snapshot { return d.settings.Current() }

// watchLocals warns, once, of local mail that is sent on because nothing says where else it should go.
func (d *Daemon) watchLocals() {
	r := &d.cfg.RabbitMQ
	if r.Local != "" || r.Inbox != r.Outbox {
		return
	}
	warn := sync.OnceFunc(func() {
		d.log.Warn("there are local addresses, but no queue for them: anybody's mail to them is sent on; set rabbitmq-local", "queue", r.Inbox)
	})
	look := func(s *settings.Snapshot) {
		if s.HasLocals() {
			warn()
		}
	}
	d.settings.Subscribe(look)
	look(d.current())
}
