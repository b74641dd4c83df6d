package settings

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// CacheOptions say where the settings come from. Zero values can be used: there is no database then.
type CacheOptions struct {
	Store      Store                 // nil: none
	TTL        time.Duration         // between reloads; 0 = 10 minutes
	Server     int                   // server-id of this instance
	Logger     *slog.Logger          // nil: slog.Default
	Registerer prometheus.Registerer // nil: metrics are not registered
	Own        func() []netip.Addr   // the addresses of this host now; nil: they are not known, and nobody is warned of others
	Now        func() time.Time      // nil: time.Now
}

const (
	usualTTL  = 10 * time.Minute
	retry     = 5 * time.Second  // after a failed reload
	loadTime  = time.Minute      // for all tables
	writeTime = 5 * time.Second  // for a row, so that a pause does not wait for a database that hangs
	watchTime = 30 * time.Second // at least so often Run looks at the clock, which may be set
)

// Cache holds the Snapshot in force.
type Cache struct {
	options CacheOptions
	log     *slog.Logger
	meters  *meters
	current atomic.Pointer[Snapshot]
	loading chan struct{} // one reader of the store at a time
	changed chan struct{} // wakes Run after a swap

	mu          sync.Mutex // of all below, and of swaps
	contents    *contents
	sums        sums // of the rows in contents
	loaded      bool // contents come from the store
	memory      []Pause
	writes      writes
	subscribers []func(*Snapshot)
	known       map[badRow]bool // is in the log already

	outage atomic.Pointer[outage] // nil: the last reload did not fail
}

// outage is a time in which the settings cannot be read.
type outage struct {
	since time.Time
	err   error // of its first reload
}

// NewCache returns a cache with an empty snapshot; Reload fills it.
func NewCache(o CacheOptions) *Cache {
	if o.TTL <= 0 {
		o.TTL = usualTTL
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	c := &Cache{
		options: o, log: o.Logger, contents: newContents(nil, o.Server),
		loading: make(chan struct{}, 1), changed: make(chan struct{}, 1), known: map[badRow]bool{}, writes: newWrites(),
	}
	c.current.Store(newSnapshot(c.contents, 1, nil, o.Now()))
	c.meters = newMeters(o.Registerer, c)
	return c
}

// Current is the snapshot in force; never nil.
func (c *Cache) Current() *Snapshot { return c.current.Load() }

// Subscribe has fn called after each swap, in the goroutine of the swapper and one swap after the other. It must be quick, and may
// not call anything of the cache but Current.
func (c *Cache) Subscribe(fn func(*Snapshot)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.subscribers = append(c.subscribers, fn)
}

// Reload reads all rows anew and swaps the snapshot if anything in them has changed. An error leaves the old one in force; the log
// has one line when that begins and one when it is over. Without a store it does nothing.
func (c *Cache) Reload(ctx context.Context) error {
	if c.options.Store == nil {
		return nil
	}
	select {
	case c.loading <- struct{}{}:
	case <-ctx.Done():
		c.failed(ctx, ctx.Err())
		return ctx.Err()
	}
	defer func() { <-c.loading }()
	limited, cancel := context.WithTimeout(ctx, loadTime)
	defer cancel()
	begun := c.written()
	rows, err := c.options.Store.Load(limited, tables())
	if err != nil {
		c.failed(ctx, err)
		return err
	}
	c.take(rows, begun)
	c.healed()
	return nil
}

// written is how many writes there have been.
func (c *Cache) written() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writes.last
}

// tables are those that a snapshot is made of.
func tables() []Table {
	return slices.DeleteFunc(Tables(), func(t Table) bool {
		return !slices.Contains([]string{
			tableCapacity, tableFloods, tableDelegates, tablePaused, tableNames, tableDNS, tableKeys, tableSigns,
			tableLocals, tableBlacklist, tableTokens,
		}, t.Name)
	})
}

// failed notes an outage, unless the caller did not wait for the answer.
func (c *Cache) failed(ctx context.Context, err error) {
	c.meters.reloads.WithLabelValues("failed").Inc()
	if !errors.Is(ctx.Err(), context.Canceled) && c.outage.CompareAndSwap(nil, &outage{c.options.Now(), err}) {
		c.log.Warn("the settings cannot be read; those in force stay", "error", err)
		c.wake()
	}
}

func (c *Cache) healed() {
	c.meters.reloads.WithLabelValues("done").Inc()
	c.meters.last.Set(float64(c.options.Now().Unix()))
	if c.outage.Swap(nil) != nil {
		c.log.Info("the settings can be read again")
	}
}

// take makes a snapshot of rows that differ from those in force. They were read after so many writes.
func (c *Cache) take(rows map[string][]Row, begun uint64) {
	sums := sumsOf(rows)
	c.mu.Lock()
	defer c.mu.Unlock()
	written := c.writes.shown(begun)
	if c.loaded && sums.equal(c.sums) {
		c.complain() // addresses of this host come and go
		c.expire()
		return
	}
	c.contents, c.sums = newContents(rows, c.options.Server), sums
	c.memory = slices.DeleteFunc(c.memory, func(p Pause) bool { return written[p.hold()] && c.contents.hasPause(p) })
	c.loaded = !c.writes.strip(c.contents) // or else they are read anew
	c.complain()
	c.swap()
}

// expire swaps if a pause or a delegate of the snapshot has ended.
func (c *Cache) expire() {
	if s := c.Current(); len(s.expiries) > 0 && !c.options.Now().Before(s.expiries[0]) {
		c.swap()
	}
}

// swap puts a new snapshot in force and tells the subscribers.
func (c *Cache) swap() {
	now := c.options.Now()
	c.memory = slices.DeleteFunc(c.memory, func(p Pause) bool { return p.over(now) })
	s := newSnapshot(c.contents, c.Current().version+1, c.memory, now)
	c.current.Store(s)
	for _, fn := range c.subscribers {
		fn(s)
	}
	c.wake()
}

// wake has Run look at the times anew.
func (c *Cache) wake() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

const mostLines = 100 // of rows per reload

// complain logs rows that do not what they seem to and are not in the log yet. If there are very many, each reload logs some.
func (c *Cache) complain() {
	still, lines := make(map[badRow]bool, len(c.contents.bad)), 0
	tell := func(text string, rows []badRow) {
		for _, row := range rows {
			if !c.known[row] {
				if lines++; lines > mostLines {
					continue
				}
				c.log.Warn(text, "table", row.table, "id", row.id, "reason", row.reason)
			}
			still[row] = true
		}
	}
	tell("a row of the settings is left out", c.contents.bad)
	tell("a row of the settings makes mail fail", c.foreign())
	if lines > mostLines {
		c.log.Warn("more rows of the settings are not as they should be", "rows", lines-mostLines)
	}
	c.known = still
}
