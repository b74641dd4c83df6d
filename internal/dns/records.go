package dns

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	mdns "github.com/miekg/dns"
)

// TXT gives the TXT records of name, the strings of each joined. No such record is an empty list, no such name is
// ErrNoDomain.
func (r *router) TXT(ctx context.Context, name string) ([]string, error) {
	a, err := r.named(ctx, name, mdns.TypeTXT)
	return slices.Clone(a.text), err
}

// MX gives the mail exchangers of name as the DNS has them, without what Resolve makes of them.
func (r *router) MX(ctx context.Context, name string) ([]MX, error) {
	a, err := r.named(ctx, name, mdns.TypeMX)
	return slices.Clone(a.mx), err
}

// Addresses gives the IPv4 and IPv6 addresses of a host, from the hosts file or the DNS.
func (r *router) Addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	name, err := checked(host)
	if err != nil {
		return nil, failure(host, ErrNoDomain, time.Time{})
	}
	f := r.host(ctx, 0, name)
	return f.addrs, f.err
}

// PTR gives the names of an address, lower case, without the final dot. Only the DNS is asked, not the hosts file: the
// question is how the world sees the address.
func (r *router) PTR(ctx context.Context, addr netip.Addr) ([]string, error) {
	name, err := mdns.ReverseAddr(addr.Unmap().WithZone("").String())
	if err != nil {
		return nil, failure(addr.String(), ErrNoDomain, time.Time{})
	}
	a, err := r.named(ctx, name, mdns.TypePTR)
	return slices.Clone(a.text), err
}

func (r *router) named(ctx context.Context, name string, qtype uint16) (answer, error) {
	name, err := checked(name)
	if err != nil {
		return answer{}, failure(name, ErrNoDomain, time.Time{})
	}
	return r.look(ctx, name, qtype)
}

// MXHosts gives the names of the mail exchangers of name, the most preferred first. A null MX is no exchanger.
func (r *router) MXHosts(ctx context.Context, name string) ([]string, error) {
	list, err := r.MX(ctx, name)
	slices.SortStableFunc(list, func(a, b MX) int { return cmp.Compare(a.Preference, b.Preference) })
	hosts := make([]string, 0, len(list))
	for _, mx := range list {
		if mx.Host != "" {
			hosts = append(hosts, mx.Host)
		}
	}
	return hosts, err
}
