// Package dns finds out where mail for a domain goes, and answers the other questions a mail server asks of the
// DNS: addresses of a host, TXT records, names of an address.
//
// It asks recursive name servers (by default those of /etc/resolv.conf) itself, so that it knows lifetimes and
// the difference between "does not exist", "has no such record" and "could not be found out". It promises: only an
// answer to our own question with our own random id, from the server and port we asked, counts; a truncated answer
// is asked again over TCP; the AD bit is believed only from a server on this machine; one question is on its way
// once, however many ask; memory, sockets, links, records and time are bounded. Names that never answer cannot
// keep others waiting: see gate.
//
// RFCs: 1035 (queries), 2308 (negative answers), 5321 section 5.1 (MX, implicit MX, own name in the list), 6840
// section 5.7 (AD in queries), 6891 (EDNS0), 7505 (null MX), 7766 (TCP). The errors carry the codes of
// results-json.md section 7.
//
// A lookup runs in a goroutine of its own, which ends with its answer or when nobody waits for it any more;
// Resolve starts two for each host of the list and has seen them end or has cancelled them when it returns.
package dns

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"time"

	mdns "github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
)

// Options of a Resolver. The zero value asks the servers of /etc/resolv.conf.
type Options struct {
	Servers    []string      // host or host:port, addresses only; empty = those of ResolvConf
	ResolvConf string        // default /etc/resolv.conf; one that is absent means 127.0.0.1
	HostsFile  string        // default /etc/hosts
	Attempts   int           // queries sent before failure, 0 = 5
	Interval   time.Duration // an unanswered query is sent again, to the next server, after this time, 0 = 3 s
	Timeout    time.Duration // wait after the last attempt, 0 = 60 s
	Capacity   int           // lookups at a time, 0 = 100
	Rotate     *bool         // start with another server each time; nil = as in resolv.conf
	MinTTL     time.Duration // smallest lifetime honoured, 0 = 60 s
	MaxTTL     time.Duration // largest lifetime honoured, 0 = 24 h
	CacheBytes int           // memory for answers, about; 0 = 64 MB

	// AllowLocal lets Resolve lead to loopback, link-local, unspecified and own addresses.
	AllowLocal bool
	// Own says that host or addr (invalid while only the name is known) is this server: the list of mail exchangers
	// is cut at its preference (RFC 5321 section 5.1). Nil means nothing is. It is not asked when AllowLocal is set.
	Own func(host string, addr netip.Addr) bool
	// Shuffle orders equals, as rand.Shuffle, which it is when nil.
	Shuffle func(n int, swap func(i, j int))
	Metrics prometheus.Registerer // nil: they are not registered
}

// Resolver answers questions. It is safe for use by many goroutines.
type Resolver struct {
	router
	client client
	cache  *cache
	calls  calls
	gate   *gate
	meters *meters
}

// New makes a Resolver; it fails when a server address cannot be read.
func New(o Options) (*Resolver, error) {
	o = o.withDefaults()
	servers, rotate, err := serversOf(o)
	if err != nil {
		return nil, err
	}
	hosts := newHosts(o.HostsFile)
	r := &Resolver{
		client: client{servers: servers, rotate: rotate, attempts: o.Attempts, interval: o.Interval, timeout: o.Timeout},
		cache:  newCache(o.CacheBytes),
		gate:   newGate(o.Capacity),
	}
	r.meters = newMeters(o.Metrics, r.gate.waiting, r.cache.bytes)
	r.calls.running = make(map[key]*call)
	r.router = router{
		look: r.lookup, hosts: hosts.find, now: time.Now,
		own: o.Own, allowLocal: o.AllowLocal, shuffle: o.Shuffle,
		grace: o.Interval, minTTL: o.MinTTL, maxTTL: o.MaxTTL,
	}
	return r, nil
}

func (o Options) withDefaults() Options {
	o.ResolvConf = or(o.ResolvConf, "/etc/resolv.conf")
	o.HostsFile = or(o.HostsFile, "/etc/hosts")
	o.Attempts = or(o.Attempts, 5)
	o.Interval = or(o.Interval, 3*time.Second)
	o.Timeout = or(o.Timeout, 60*time.Second)
	o.Capacity = or(o.Capacity, 100)
	o.MinTTL = or(o.MinTTL, time.Minute)
	o.MaxTTL = max(or(o.MaxTTL, 24*time.Hour), o.MinTTL)
	o.CacheBytes = or(o.CacheBytes, 64<<20)
	if o.Shuffle == nil {
		o.Shuffle = rand.Shuffle
	}
	return o
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// lookup answers one question: from the cache, from the same question already on its way, or by asking.
func (r *Resolver) lookup(ctx context.Context, name string, qtype uint16) (answer, error) {
	if a, ok := r.cache.get(key{name, qtype}, r.now()); ok {
		r.meters.count(fromCache)
		return a, a.err()
	}
	return r.again(ctx, name, qtype)
}

func (r *Resolver) again(ctx context.Context, name string, qtype uint16) (answer, error) {
	k := key{name, qtype}
	a, err := r.calls.do(ctx, k, func(ctx context.Context) (answer, error) { return r.ask(ctx, k) })
	if err != nil {
		return answer{}, err
	}
	return a, a.err()
}

// Fresh asks the servers again, whatever the cache has, and keeps the answers in it: for who has just changed a record.
type Fresh struct{ router }

func (r *Resolver) Fresh() *Fresh {
	f := &Fresh{r.router}
	f.look = r.again
	return f
}

// failedTTL is how long a failed lookup is remembered (RFC 2308 section 7 allows five minutes): long enough that
// many callers do not hammer a dead server, short enough to see it come back.
const failedTTL = 5 * time.Second

// ask sends the question, follows aliases and remembers the answer.
func (r *Resolver) ask(ctx context.Context, k key) (answer, error) {
	ctx, leave, err := r.gate.enter(ctx)
	if err != nil {
		return answer{}, temporary(k.name, err)
	}
	defer leave()
	began := time.Now()
	a, err := follow(k, func(k key) (*mdns.Msg, bool, error) { return r.client.exchange(ctx, k) })
	if err != nil {
		if context.Cause(ctx) == context.Canceled { // nobody waits any more: says nothing about the name
			return answer{}, temporary(k.name, err)
		}
		a = answer{failure: temporary(k.name, err), ttl: failedTTL}
	} else {
		a.ttl = min(max(a.ttl, r.minTTL), r.maxTTL)
	}
	r.meters.asked(a, time.Since(began))
	a.name, a.expires = k.name, r.now().Add(a.ttl)
	r.cache.put(k, a)
	return a, nil
}
