package spf

import (
	"context"
	"net"
	"net/netip"

	"posthoorn/internal/mailauth/lookup"
)

// adapter is our DNS as the library wants it: what does not exist is a DNSError that says so, and any other error a temporary one.
type adapter struct{ dns lookup.DNS }

func (a adapter) LookupTXT(ctx context.Context, name string) ([]string, error) {
	list, err := a.dns.TXT(ctx, name)
	return list, translated(err)
}

func (a adapter) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	hosts, err := a.dns.MXHosts(ctx, name)
	list := make([]*net.MX, len(hosts))
	for i, host := range hosts {
		list[i] = &net.MX{Host: host}
	}
	return list, translated(err)
}

func (a adapter) LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error) {
	addrs, err := a.dns.Addresses(ctx, host)
	list := make([]net.IPAddr, len(addrs))
	for i, addr := range addrs {
		list[i].IP = addr.Unmap().AsSlice()
	}
	return list, translated(err)
}

func (a adapter) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		return nil, translated(err)
	}
	names, err := a.dns.PTR(ctx, ip)
	return names, translated(err)
}

// translated turns an error into one of package net.
func translated(err error) error {
	switch {
	case err == nil:
		return nil
	case lookup.Temporary(err):
		return &net.DNSError{Err: "no answer", IsTemporary: true}
	}
	return &net.DNSError{Err: "no such name", IsNotFound: true}
}
