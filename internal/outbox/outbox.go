// Package outbox is the engine: the trip of a message from the queue to its result. It receives deliveries, feeds the plan, opens
// connections, hands them work, and settles what comes of it; and it brings mail that waits in the local queue back when its
// time or its turn is there. It introduces the packages of floor 3 to each other.
//
// What it promises: every delivery and everything taken from the local queue is settled exactly once; what is in memory is bounded
// by the credit and by the byte budget; a message that cannot be read, or whose handling panics, becomes its result and stops
// nothing; a delivery that comes again while its old transaction runs, or after its outcome was noted, is not sent twice.
//
// Goroutines: the loop (it owns the plan alone, never does I/O and never waits on a full channel); the clerk, who does for it what may
// wait; the feeder, who takes from the local queue; one each for the brake, for what is done once a second, for the servers of domains
// with rows, and for bodies to be removed from the message store. Short ones: for each lookup, for each message whose content is not
// ready or whose source is being stored or
// loaded for a notification, and for what was held behind a message. And one for each connection (package deliver). Stop
// ends them all.
package outbox

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/deliver"
	"posthoorn/internal/dns"
	"posthoorn/internal/localqueue"
	"posthoorn/internal/mail"
	"posthoorn/internal/prepare"
	"posthoorn/internal/schedule"
	"posthoorn/internal/settings"
	"posthoorn/internal/settle"
	"posthoorn/internal/stats"

	"github.com/prometheus/client_golang/prometheus"
)

// Waiting is what the engine needs of the local queue beside the ledger.
type Waiting interface {
	TakeDue(p localqueue.Place, now time.Time, n int, bytes int64, dst []localqueue.Waiting) []localqueue.Waiting
	BackWaiting(id uint64)
	Expired(now time.Time, n int, bytes int64, dst []localqueue.Waiting) []localqueue.Waiting
	Due(now time.Time, fn func(localqueue.PlaceInfo) bool)
	NextDue(now time.Time) (time.Time, bool)
	Changed() <-chan struct{}
	Count(p localqueue.Place) int
	OpenOutcomes(fn func(localqueue.Waiting) error) error

	// For the operator's actions.
	Places() []localqueue.PlaceInfo
	Parked() int
	PlacesOf(destination string) []localqueue.PlaceInfo
	Outlook(p localqueue.Place, now time.Time, limit int) (due int, next time.Time, err error)
	Sweep(p localqueue.Place) *localqueue.Sweep
	Shut(destination string) (open func())
	Expedite(ctx context.Context, destination string, now time.Time, progress func(done int)) (int, error)
}

// Ledger looks up outcomes that were noted.
type Ledger interface {
	Lookup(identity settle.Identity) (outcome []byte, ok bool)
	Age(now time.Time, inHand func(settle.Identity) bool)
}

// Settler makes what a result asks for durable.
type Settler interface {
	Settle(settle.Work)
	Acked([]settle.Identity)
	// Close ends works that cannot be settled now with broker.ErrClosed.
	Close()
}

// Resolver finds the servers of a destination.
type Resolver interface {
	Resolve(ctx context.Context, domain string) (dns.Route, error)
	ResolveHost(ctx context.Context, host string) (dns.Route, error)
	Override(domain string, targets []dns.Target) (dns.Route, error)
}

// Queues are the names of the file; empty means that nothing is published for the role.
type Queues struct{ Outbox, Results, Success, Failure, Retry, DSN string }

// Server is where mail goes instead of the servers that DNS names: the smarthost or the sink of the file.
type Server struct {
	Host               string
	Port               uint16
	Username, Password string
}

// Options of New.
type Options struct {
	Broker     broker.Broker
	Remote     bool // deliveries can come again while we live: keep identities
	Waiting    Waiting
	Ledger     Ledger
	Records    Records
	Settler    Settler
	Resolver   Resolver
	Queues     Queues
	Consumers  int   // 0: 1
	Credit     int   // per consumer; 0: 1000
	ByteBudget int64 // of messages in memory; 0: 256 MB

	Notices     Notices
	Rules       mail.Rules
	Words5      bool // result-states: 5.0
	MaxDelivery time.Duration
	MaxAttempts int // 0: unlimited
	Intervals   []time.Duration
	Smarthost   *Server
	Sink        *Server    // every connection goes there, queues stay
	SinkAddr    netip.Addr // of Sink, resolved once
	RemotePort  uint16
	DefaultIPs  []netip.Addr        // messages without ips leave from these; empty: from all of Own that are not loopback
	Own         func() []netip.Addr // addresses of this host
	Loopback    bool                // loopback addresses are offered as sending addresses too
	Name        func(ctx context.Context, source netip.Addr) string
	Total       func() int                // connections allowed in all, as of now; nil: any number
	Settings    func() *settings.Snapshot // those in force; nil: none but the built-in ones
	Seed        uint64
	Room        func() error                               // nil, or why no more may be consumed (free space)
	Bodies      Bodies                                     // the message store; nil: none
	StoreOut    bool                                       // storage-policy is all or out: what is published with its source keeps that in Bodies
	Prepare     *prepare.Preparer                          // nil: one without a store
	Journal     func(email, result []byte, r *mail.Result) // the send log; nil: none. The bytes are not kept
	Stats       *stats.Board                               // is told of every attempt and dial; nil: nobody is
	// Observe is told of every result, and whether it is the last one of its message; nil: nobody wants to know. It is quick, and
	// neither changes nor keeps anything.
	Observe    func(m *mail.Message, r *mail.Result, final bool)
	Deliver    deliver.Options
	Timeouts   deliver.Timeouts
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Engine is a running outbox.
type Engine struct {
	o        Options
	log      *slog.Logger
	metrics  *metrics
	client   *deliver.Client
	hand     *hand
	pools    schedule.Pools
	aliases  aliases
	rules    atomic.Pointer[rules]
	logins   logins
	loop     *loop
	clerk    *clerk
	feeder   *feeder
	brake    *brake
	careful  *careful
	acks     acks
	consumer atomic.Pointer[consumerBox]
	discards chan string // keys of bodies that nobody needs any more
	nextID   atomic.Uint64
	inHand   atomic.Int64 // messages
	bytes    atomic.Int64 // what they weigh
	making   atomic.Int64 // of them, those whose content is made for a notification alone

	ready      chan struct{}   // closed when consumer is set
	ctx        context.Context // ends when nothing new may start
	cancel     context.CancelFunc
	halt       func()         // ends the loop
	wg         sync.WaitGroup // lookups, dials, and what takes too long for the loop and the clerk
	end        context.CancelFunc
	background sync.WaitGroup // what runs from Start to the end of Stop
}

// Input is the consumer of the outbox, nil before Start.
func (e *Engine) Input() broker.Consumer { return e.input() }

// consumerBox lets an interface stand behind an atomic pointer.
type consumerBox struct{ broker.Consumer }
