package amqp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

const (
	dialTimeout  = 10 * time.Second // TCP, TLS and AMQP handshake together
	heartbeat    = 10 * time.Second
	closeTimeout = 2 * time.Second // for the closing handshake; then the socket is closed

	backoffMin = 100 * time.Millisecond
	backoffMax = 10 * time.Second
)

// cluster is the nodes of a broker and which of them works.
type cluster struct {
	nodes    []node
	insecure bool
	name     string // shown to the broker's operator
	logger   *slog.Logger
	current  atomic.Int64
	limit    atomic.Int64 // bytes of the largest body; 0 = not known yet

	mu   sync.Mutex
	told time.Time // when trouble was last logged; zero: it is over
}

// link is one connection to the broker.
type link struct {
	conn  *amqp091.Connection
	wire  *wire
	node  string
	major int // version of the broker; 0 = it does not say
}

// dial tries every node once, beginning with the one that worked last, and stays with the first that works.
func (c *cluster) dial(ctx context.Context, purpose string) (*link, error) {
	begin := c.current.Load()
	var all []error
	for i := range int64(len(c.nodes)) {
		at := (begin + i) % int64(len(c.nodes))
		l, err := c.open(ctx, c.nodes[at], purpose)
		if err == nil {
			c.current.Store(at)
			return l, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		all = append(all, fmt.Errorf("%s: %w", c.nodes[at].name, err))
	}
	return nil, errors.Join(all...)
}

func (c *cluster) open(ctx context.Context, n node, purpose string) (*link, error) {
	l := &link{node: n.name}
	config := amqp091.Config{Heartbeat: heartbeat, Properties: amqp091.Table{
		"product":         "posthoorn",
		"connection_name": c.name + " " + purpose,
	}}
	if c.insecure {
		config.TLSClientConfig = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} // rabbitmq-verify: false
	}
	var unwatch func() bool
	config.Dial = func(network, addr string) (net.Conn, error) {
		d := net.Dialer{Timeout: dialTimeout}
		conn, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		l.wire = newWire(conn)
		unwatch = context.AfterFunc(ctx, l.wire.kill)
		// The library takes it away after the handshake.
		return l.wire, conn.SetDeadline(time.Now().Add(dialTimeout))
	}
	conn, err := amqp091.DialConfig(n.url, config)
	if unwatch != nil {
		unwatch()
	}
	if err != nil {
		if l.wire != nil {
			l.wire.kill()
		}
		return nil, err
	}
	l.conn = conn
	c.learn(l)
	return l, nil
}

// learn reads the version, which decides the largest message: 128 MiB by default, 16 MiB from 4.0 on.
func (c *cluster) learn(l *link) {
	version, _ := l.conn.Properties["version"].(string)
	first, _, _ := strings.Cut(version, ".")
	l.major, _ = strconv.Atoi(first)
	size := int64(128 << 20)
	if l.major >= 4 {
		size = 16 << 20
	}
	c.limit.CompareAndSwap(0, size)
}

// close ends the connection in good order if that works within closeTimeout, else by closing its socket.
func (l *link) close() {
	t := time.AfterFunc(closeTimeout, l.wire.kill)
	defer t.Stop()
	_ = l.conn.CloseDeadline(time.Now().Add(closeTimeout))
	l.wire.kill()
}

// keep opens a connection, however often it takes; it fails only when ctx ends.
func (c *cluster) keep(ctx context.Context, purpose string, b *backoff, trouble func(error)) (*link, error) {
	for {
		l, err := c.dial(ctx, purpose)
		if err == nil {
			c.recovered(l, purpose)
			return l, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		trouble(err)
		c.report(purpose, err)
		if err := b.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// report logs trouble with a connection: at once when it is news, else every ten seconds, for all connections together.
func (c *cluster) report(purpose string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.told) > backoffMax {
		c.told = now
		c.logger.Error("broker cannot be reached, trying again", "for", purpose, "error", err)
	}
}

func (c *cluster) recovered(l *link, purpose string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told = time.Time{}
	c.logger.Info("connected to the broker", "node", l.node, "for", purpose)
}

// backoff is a growing, jittered wait between attempts.
type backoff struct{ next time.Duration }

// wait sleeps for between half and the whole of the current step, and doubles it.
func (b *backoff) wait(ctx context.Context) error {
	b.next = min(max(b.next, backoffMin), backoffMax)
	t := time.NewTimer(b.next/2 + rand.N(b.next/2))
	defer t.Stop()
	b.next *= 2
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// worked begins again with short waits when a connection has held for longer than the wait before it.
func (b *backoff) worked(since time.Time) {
	if time.Since(since) > b.next {
		b.next = 0
	}
}
