// Package fetch downloads what mails refer to: images, texts, feeds, attachments (reference/responsive-email.md section 8).
// The addresses come from strangers, so nothing private is ever reached: each address is looked up, judged, and then that
// very address is connected to, anew for every redirect and also with a proxy between. Equal downloads share one request
// (RFC 9110), and what may be kept is kept (RFC 9111).
//
// Each download has a goroutine, which ends with it; Close waits for all of them.
package fetch

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Resolver finds the addresses of a host. An error with a method Timeout that says true means that nobody answered.
type Resolver interface {
	Addresses(ctx context.Context, host string) ([]netip.Addr, error)
}

// Store keeps downloads longer than memory does, and for all instances. Any error of Get means that there is nothing.
type Store interface {
	Get(ctx context.Context, key string) ([]byte, error)
	Put(ctx context.Context, key string, data []byte, expire time.Time) error
}

// Exception is a network that may be reached all the same. Port 0 is every port.
type Exception struct {
	Prefix netip.Prefix
	Port   uint16
}

// Options of New; the zero value is usable.
type Options struct {
	Resolver  Resolver       // nil: that of the system
	Blacklist []netip.Prefix // not to be reached, besides all that is not public anyway
	Whitelist []Exception    // to be reached nevertheless
	Proxy     *url.URL       // http://host:port or socks://host:port, perhaps with user and password; nil: none
	UserAgent string         // empty: posthoorn

	Timeout time.Duration // of one download, its wait included; 0 = 30 seconds
	Total   int           // downloads at the same time; 0 = 16
	PerHost int           // of them to one host; 0 = 6

	CacheBytes int64         // of the cache in memory; 0 = 100 MB, negative: none
	TTL        time.Duration // longest life in a cache; 0 = an hour, negative: nothing is kept
	Store      Store         // a second cache behind that in memory; nil: none

	Log        func(Record)          // called once for each download, from many goroutines; nil: not at all
	Registerer prometheus.Registerer // nil: metrics are not registered
}

// Record is a download for the log. It has no passwords.
type Record struct {
	URL    string // as it was asked for, without user and fragment
	Start  time.Time
	Took   time.Duration
	Status int // of the last answer; 0: there was none
	Bytes  int64
	Err    error // nil: it was got
}

// Resource is what was downloaded. Several callers may have the same body: it must not be written to.
type Resource struct {
	Body     []byte
	Type     string // media type with its parameters, as the server says; may be empty
	FinalURL string // after redirects, without user and fragment
	Name     string // of a file, without a folder; from the server, or else from the address; may be empty
}

// Fetcher downloads. Its methods may be called from many goroutines.
type Fetcher struct {
	options Options
	client  *http.Client
	pool    *http.Transport
	gate    *gate
	cache   *cache
	flights flights
	meters  *meters
	storing chan struct{}
	now     func() time.Time

	running context.Context
	end     context.CancelCauseFunc
	all     sync.WaitGroup
}

// New makes a Fetcher.
func New(o Options) *Fetcher {
	o = o.withDefaults()
	f := &Fetcher{
		options: o,
		gate:    newGate(o.Total, o.PerHost),
		cache:   newCache(o.CacheBytes),
		storing: make(chan struct{}, storing),
		now:     time.Now,
	}
	f.flights.running = map[key]*flight{}
	f.meters = newMeters(o.Registerer, func() float64 { return float64(len(f.gate.places)) })
	f.running, f.end = context.WithCancelCause(context.Background())
	d := &dialer{rules: rules{o.Blacklist, o.Whitelist}, resolver: o.Resolver, proxy: withPort(o.Proxy)}
	f.pool = &http.Transport{
		DialContext:            d.dial,
		MaxConnsPerHost:        o.PerHost, // redirects lead to hosts that the gate has not counted
		MaxIdleConns:           o.Total,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        20 * time.Second,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
	f.client = &http.Client{Transport: f.pool, CheckRedirect: redirect}
	return f
}

func (o Options) withDefaults() Options {
	o.UserAgent = cmp.Or(o.UserAgent, "posthoorn")
	o.Timeout = cmp.Or(o.Timeout, 30*time.Second)
	o.Total = cmp.Or(o.Total, 16)
	o.PerHost = cmp.Or(o.PerHost, 6)
	o.CacheBytes = cmp.Or(o.CacheBytes, 100_000_000)
	o.TTL = cmp.Or(o.TTL, time.Hour)
	if o.Resolver == nil {
		o.Resolver = system{}
	}
	if o.Log == nil {
		o.Log = func(Record) {}
	}
	return o
}

// system is the resolver of the system.
type system struct{}

func (system) Addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// Get downloads a resource of at most so many bytes, unpacked, or takes it from a cache. All errors are *Error. The end of
// ctx ends the wait of this caller; the download goes on while others wait for it.
func (f *Fetcher) Get(ctx context.Context, address string, limit int64) (Resource, error) {
	u, err := parse(address)
	if err != nil {
		return Resource{}, err
	}
	return f.join(ctx, key{u.String(), limit}, u)
}

// parse reads an address: an absolute one, http or https, of which the fragment is cut off.
func parse(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, &Error{Reason: ErrForbidden, Cause: errNotURL} // the parser's error may have a password in it
	}
	u.Fragment, u.RawFragment = "", ""
	u.Host = strings.ToLower(u.Host)
	if err := allowed(u); err != nil {
		return nil, &Error{Reason: ErrForbidden, URL: public(u), Cause: err}
	}
	return u, nil
}

// allowed says whether an address is one that may be asked at all.
func allowed(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return errScheme
	case u.Hostname() == "" || u.Opaque != "":
		return errNotURL
	}
	return nil
}

// public is an address as it may be seen in logs and results: without user, password and fragment.
func public(u *url.URL) string {
	v := *u
	v.User, v.Fragment, v.RawFragment = nil, "", ""
	return v.String()
}

// Close ends all downloads, waits for their ends, and closes idle connections. Later downloads fail.
func (f *Fetcher) Close() {
	f.flights.close()
	f.end(errClosed)
	f.all.Wait()
	f.pool.CloseIdleConnections()
}
