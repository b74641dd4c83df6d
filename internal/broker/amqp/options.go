package amqp

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Options of New. The zero value, with an Address, is what config.md section 3.1 has as defaults.
type Options struct {
	Address       string        // rabbitmq-address: one, several joined by commas, or hosts joined by semicolons
	Insecure      bool          // do not verify the certificate of amqps (rabbitmq-verify: false)
	Exchange      string        // for all publishing; empty: the default exchange
	NoDeclare     bool          // neither exchange nor queues are declared (rabbitmq-declare: false)
	Outbox        string        // the queue that Quorum and the warnings are about
	Quorum        bool          // declare the outbox as a quorum queue
	NotDurable    bool          // declare what is not durable (rabbitmq-durable: false)
	NotPersistent bool          // publish with delivery mode 1 (rabbitmq-persistent: false)
	Lazy          bool          // x-queue-mode: lazy
	MaxPriority   uint8         // x-max-priority; 0: none
	Gzip          bool          // compress what is published
	Publishers    int           // publishing connections; 0: 1
	Window        int           // unconfirmed publishings for each of them, and as many that wait for their turn; 0: 100
	SendTimeout   time.Duration // after which a Send fails; 0: only with its ctx
	MaxBody       int64         // bytes of a body after decompression; 0: 256 MiB
	Name          string        // shown to the broker's operator; empty: posthoorn
	Logger        *slog.Logger  // nil: no log
	Registerer    prometheus.Registerer
}

func (o Options) withDefaults() Options {
	if o.Publishers <= 0 {
		o.Publishers = 1
	}
	if o.Window <= 0 {
		o.Window = defaultWindow
	}
	if o.MaxBody <= 0 {
		o.MaxBody = defaultMaxBody
	}
	if o.Name == "" {
		o.Name = "posthoorn"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}
