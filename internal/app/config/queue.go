package config

import (
	"path/filepath"
	"time"

	"posthoorn/internal/store"
)

// RabbitMQ is config.md section 3.1: which queue engine is in force, and the queues by their roles. Names are never
// empty for Outbox and Inbox; an empty name of another role turns it off.
type RabbitMQ struct {
	Embedded bool   // the queues live in the state directory
	Why      string // what decided between broker and embedded queue, for a line at the start
	Nodes    []Node // of the broker, to try in turn; none when Embedded

	Outbox, Inbox, Local, Reports, Refused, DSN, Results, Success, Failure, Retry string

	Exchange    string
	Verify      bool
	Declare     bool
	Durable     bool
	Persistent  bool
	Quorum      bool // the outbox is a quorum queue
	Lazy        bool
	MaxPriority int // 0: off
	Gzip        bool
	Consumers   int
	Publishers  int
	QoS         int // messages unacknowledged per consumer
	MinQoS      int // never above QoS
	Throttle    int // messages unconfirmed per publisher
}

// Local is what bounds the state directory (queues.md section 10).
type Local struct {
	ResultsAge  time.Duration
	ResultsSize int64 // bytes
	MinFree     MinFree
}

func (b *builder) buildRabbitMQ() {
	r := &b.cfg.RabbitMQ
	b.chooseEngine(r)
	b.nameQueues(r)
	r.Exchange = b.text("rabbitmq-exchange")
	r.Verify, r.Declare = get[bool](b, "rabbitmq-verify"), get[bool](b, "rabbitmq-declare")
	r.Durable, r.Persistent = get[bool](b, "rabbitmq-durable"), get[bool](b, "rabbitmq-persistent")
	r.Quorum, r.Lazy = b.text("rabbitmq-queue-type") == "quorum", get[bool](b, "rabbitmq-lazy")
	r.MaxPriority = get[int](b, "rabbitmq-maxpriority")
	r.Gzip = b.text("rabbitmq-encoding") == "gzip"
	r.Consumers, r.Publishers = get[int](b, "rabbitmq-consumers"), get[int](b, "rabbitmq-publishers")
	r.QoS, r.Throttle = get[int](b, "rabbitmq-qos"), get[int](b, "rabbitmq-throttle")
	r.MinQoS = min(get[int](b, "rabbitmq-minqos"), r.QoS)
	b.cfg.Local = Local{
		ResultsAge:  get[time.Duration](b, "local-results-age"),
		ResultsSize: get[int64](b, "local-results-size"),
		MinFree:     get[MinFree](b, "local-min-free"),
	}
}

// chooseEngine follows config.md section 3.1, *Embedded queue*.
func (b *builder) chooseEngine(r *RabbitMQ) {
	const key = "rabbitmq-address"
	broker := get[Broker](b, key)
	where := b.set[key].where.String()
	old, isOld := b.oldAddress("rabbitmq-")
	switch {
	case b.isGiven(key) && broker.LocalPath != "":
		r.Embedded, r.Why = true, "rabbitmq-address is local:/// ("+where+")"
	case b.isGiven(key):
		r.Nodes, r.Why = broker.Nodes, "rabbitmq-address is set ("+where+")"
	case b.isSet(key):
		r.Embedded, r.Why = true, "rabbitmq-address is empty ("+where+")"
	case isOld:
		r.Nodes, r.Why = old.Nodes, "rabbitmq-host and its like are set"
	case b.compat:
		r.Nodes = []Node{{Host: "localhost", Port: 5672, User: "guest", Password: "guest", VHost: "/"}}
		r.Why = "nothing sets rabbitmq-address and the default file is " + b.src.Compat
	default:
		r.Embedded, r.Why = true, "nothing sets rabbitmq-address"
	}
}

// oldAddress builds an address from the four keys of 3.0, if there are any (config.md section 4).
func (b *builder) oldAddress(prefix string) (Broker, bool) {
	first := ""
	for _, part := range []string{"host", "user", "password", "vhost"} {
		if first == "" && b.isGiven(prefix+part) {
			first = prefix + part
		}
	}
	if first == "" {
		return Broker{}, false
	}
	broker, err := oldBroker(b.text(prefix+"host"), b.text(prefix+"user"), b.text(prefix+"password"), b.text(prefix+"vhost"))
	if err != nil {
		b.wrong(first, "no address can be built from it: it "+err.Error(), "a host, or "+prefix+"address instead")
	}
	return broker, true
}

func (b *builder) nameQueues(r *RabbitMQ) {
	for name, to := range map[string]*string{
		"outbox": &r.Outbox, "inbox": &r.Inbox, "local": &r.Local, "reports": &r.Reports, "refused": &r.Refused,
		"dsn": &r.DSN, "results": &r.Results, "success": &r.Success, "failure": &r.Failure, "retry": &r.Retry,
	} {
		*to = b.text("rabbitmq-" + name)
	}
	if r.Inbox == "" {
		r.Inbox = r.Outbox
	}
}

// Cluster is config.md section 3.2.
type Cluster struct {
	Nodes    []Node // broker of the cluster traffic; none: no cluster
	Exchange string
	Verify   bool
	Timeout  time.Duration // of --list-cluster
}

func (b *builder) buildCluster() {
	c := &b.cfg.Cluster
	c.Exchange, c.Verify = b.text("cluster-exchange"), get[bool](b, "cluster-verify")
	c.Timeout = get[time.Duration](b, "cluster-timeout")
	if b.isSet("cluster-address") {
		c.Nodes = get[Broker](b, "cluster-address").Nodes
		return
	}
	c.Nodes = b.cfg.RabbitMQ.Nodes
	if old, ok := b.oldAddress("cluster-"); ok {
		c.Nodes = old.Nodes
	}
}

// Database is config.md section 3.3.
type Database struct {
	Address  Address // zero: no database
	Default  bool    // nobody named it: a file that cannot be made is a warning, not an error (database.md section 1)
	TTL      time.Duration
	Validate bool
	Threads  int
}

func (b *builder) buildDatabase() {
	d := &b.cfg.Database
	d.Address, d.Default = get[Address](b, "database-address"), !b.isSet("database-address")
	if d.Default {
		path := filepath.Join(b.cfg.General.StateDirectory, "settings.db")
		d.Address = Address{Scheme: "sqlite", Path: path, Raw: Secret("sqlite://" + path)}
	}
	d.TTL, d.Validate = get[time.Duration](b, "database-ttl"), get[bool](b, "database-validate")
	d.Threads = get[int](b, "database-threads")
}

// Storage is config.md section 3.4.
type Storage struct {
	Address    StoreAddress // zero: no store
	Threads    int
	StoreIn    bool          // policy all or in
	StoreOut   bool          // policy all or out
	TTL        time.Duration // beyond the deadline of the message
	Timeout    time.Duration
	Reschedule time.Duration
}

func (b *builder) buildStorage() {
	policy, _ := store.ParsePolicy(b.text("storage-policy")) // another word is a problem that the key tells
	b.cfg.Storage = Storage{
		Address:    get[StoreAddress](b, "storage-address"),
		Threads:    get[int](b, "storage-threads"),
		StoreIn:    policy.Incoming(),
		StoreOut:   policy.Outgoing(),
		TTL:        get[time.Duration](b, "storage-ttl"),
		Timeout:    get[time.Duration](b, "storage-timeout"),
		Reschedule: get[time.Duration](b, "storage-reschedule"),
	}
}
