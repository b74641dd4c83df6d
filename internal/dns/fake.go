package dns

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	mdns "github.com/miekg/dns"
)

// Fake answers from maps, for tests: the same methods, and the same rules, as a Resolver. Names are lower case
// without the final dot. A name that is in no map does not exist. Equals keep their order. The maps must not change
// while it is in use.
type Fake struct {
	Exchangers map[string][]MX         // MX; {0, ""} is a null MX
	A          map[string][]netip.Addr // IPv4
	AAAA       map[string][]netip.Addr // IPv6
	Text       map[string][]string     // TXT
	Names      map[netip.Addr][]string // PTR
	Fail       map[string]error        // every lookup of the name ends in this; ErrNoDomain or the cause of an ErrTemporary

	Own     func(host string, addr netip.Addr) bool
	NoLocal bool          // leave out local addresses, as a Resolver does
	TTL     time.Duration // lifetime of all answers, 0 = one hour

	Lookups atomic.Int64 // questions asked so far
}

// Resolve is Resolver.Resolve.
func (f *Fake) Resolve(ctx context.Context, domain string) (Route, error) {
	return f.router().Resolve(ctx, domain)
}

// ResolveHost is Resolver.ResolveHost.
func (f *Fake) ResolveHost(ctx context.Context, host string) (Route, error) {
	return f.router().ResolveHost(ctx, host)
}

// Override is Resolver.Override.
func (f *Fake) Override(domain string, targets []Target) (Route, error) {
	return f.router().Override(domain, targets)
}

// TXT is Resolver.TXT.
func (f *Fake) TXT(ctx context.Context, name string) ([]string, error) {
	return f.router().TXT(ctx, name)
}

// MX is Resolver.MX.
func (f *Fake) MX(ctx context.Context, name string) ([]MX, error) { return f.router().MX(ctx, name) }

// MXHosts is Resolver.MXHosts.
func (f *Fake) MXHosts(ctx context.Context, name string) ([]string, error) {
	return f.router().MXHosts(ctx, name)
}

// Addresses is Resolver.Addresses.
func (f *Fake) Addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	return f.router().Addresses(ctx, host)
}

// PTR is Resolver.PTR.
func (f *Fake) PTR(ctx context.Context, addr netip.Addr) ([]string, error) {
	return f.router().PTR(ctx, addr)
}

func (f *Fake) router() *router {
	ttl := or(f.TTL, time.Hour)
	return &router{
		look: f.look, hosts: func(string) []netip.Addr { return nil }, now: time.Now,
		own: f.Own, allowLocal: !f.NoLocal, minTTL: ttl, maxTTL: ttl,
	}
}

func (f *Fake) look(_ context.Context, name string, qtype uint16) (answer, error) {
	f.Lookups.Add(1)
	a := answer{name: name, expires: time.Now().Add(or(f.TTL, time.Hour))}
	if err := f.Fail[name]; err != nil {
		if a.absent = errors.Is(err, ErrNoDomain); !a.absent {
			a.failure = temporary(name, err)
		}
		return a, a.err()
	}
	mx, four, six, text := f.Exchangers[name], f.A[name], f.AAAA[name], f.Text[name]
	names := f.names(name)
	a.absent = mx == nil && four == nil && six == nil && text == nil && names == nil
	switch qtype {
	case mdns.TypeMX:
		a.mx = mx
	case mdns.TypeA:
		a.addrs = four
	case mdns.TypeAAAA:
		a.addrs = six
	case mdns.TypeTXT:
		a.text = text
	case mdns.TypePTR:
		a.text = names
	}
	return a, a.err()
}

func (f *Fake) names(reverse string) []string {
	for addr, names := range f.Names {
		if r, err := mdns.ReverseAddr(addr.String()); err == nil && canonical(r) == reverse {
			return names
		}
	}
	return nil
}
