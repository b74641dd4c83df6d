// Package deliver carries messages to other servers: it dials, greets, encrypts, logs in, and sends one message after
// the other over a connection that it keeps. It knows neither queues nor stores nor MIME: it is given jobs, and tells what
// became of each.
//
// It promises: every job that Give took comes back once, by Done with a result or by Back untouched. The reply to the final
// dot is the outcome, nothing after it changes that. Replies belong to the command at the same place; a peer that gets out of
// step is hung up on, and its message is tried again. No wait, reply or buffer is unbounded. Where the peer offers PIPELINING
// a message costs one round trip: the envelope of the next goes with the end of the one before. No bare CR, LF or NUL leaves.
//
// RFCs: 5321, 2920 (PIPELINING), 1870 (SIZE), 6152 (8BITMIME), 3461 (DSN), 3207 (STARTTLS), 4954 (AUTH), 6531 (SMTPUTF8),
// 9422 (LIMITS). Results are those of results-json.md.
//
// One goroutine runs per connection, from Open to the last event of that connection.
package deliver

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"posthoorn/internal/monitor"
)

// Options of a Client. The zero value is usable.
type Options struct {
	// TLS is what every handshake starts from: roots, own certificates, versions. Server name, verification and session
	// cache are set here. The least version is 1.2 unless it says otherwise. Nil: the defaults of crypto/tls.
	TLS *tls.Config
	// Sessions is how many TLS sessions are kept for resumption, 0 = 4096.
	Sessions int
	// Peers is how many peers are remembered that cannot bear the short way or end a session early, 0 = 10,000.
	Peers int
	// Connect opens the stream to a target. Nil: TCP, bound to source if that is valid.
	Connect func(ctx context.Context, source netip.Addr, to netip.AddrPort) (net.Conn, error)
	// Now is the clock for results and for what is remembered of peers, nil = time.Now.
	Now      func() time.Time
	Monitor  *monitor.Hub          // gets what goes over the wire; nil = nobody watches
	Log      *slog.Logger          // nil = nothing is logged
	Register prometheus.Registerer // nil = not registered
}

// Client opens connections and remembers what it learns of peers. It is safe for use by many goroutines.
type Client struct {
	connect func(ctx context.Context, source netip.Addr, to netip.AddrPort) (net.Conn, error)
	tls     *tls.Config
	peers   *peers
	now     func() time.Time
	log     *slog.Logger
	metrics metrics
	monitor *monitor.Hub
	buffers sync.Pool // of *[]byte, for content on its way
}

// New makes a Client.
func New(o Options) *Client {
	c := &Client{connect: o.Connect, now: o.Now, log: o.Log, monitor: o.Monitor, metrics: newMetrics(o.Register)}
	if c.connect == nil {
		c.connect = dialTCP
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.tls = baseTLS(o.TLS, o.Sessions)
	c.peers = newPeers(o.Peers)
	c.buffers.New = func() any { b := make([]byte, 0, bufferSize); return &b }
	return c
}

// Open starts a connection and returns at once; e hears of everything else. When ctx ends the connection stops: nothing new
// is begun, a message before its final dot goes Back and the socket is closed; past the dot up to 60 s are left for the reply.
func (cl *Client) Open(ctx context.Context, d Dial, e Events) *Conn {
	d.Timeouts = d.Timeouts.withDefaults()
	c := &Conn{ID: d.ID, client: cl, dial: d, events: e}
	c.ctx, c.cancel = context.WithCancel(ctx)
	c.info.since.Store(cl.now().UnixNano())
	cl.metrics.phases[Dialing].Add(1)
	go c.run()
	return c
}
