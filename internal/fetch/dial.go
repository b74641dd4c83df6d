package fetch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// dialer connects to addresses that the rules allow, and to no others.
type dialer struct {
	rules    rules
	resolver Resolver
	proxy    *url.URL
}

// What one address may take, so that the next has its turn within the time of a download.
const dialTimeout = 8 * time.Second

// maxAddresses of one host are tried.
const maxAddresses = 4

// dial connects to host:port. The host is looked up here, and what is connected to is the address that was judged: another
// answer a moment later changes nothing.
func (d *dialer) dial(ctx context.Context, _, target string) (net.Conn, error) {
	host, port, err := split(target)
	if err != nil {
		return nil, &Error{Reason: ErrForbidden, Cause: err}
	}
	addrs, err := d.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	err = &Error{Reason: ErrForbidden, Cause: fmt.Errorf("%s has no public address", host)}
	tried := 0
	for _, addr := range addrs {
		if !d.rules.allow(addr, port) {
			continue
		}
		var conn net.Conn
		if conn, err = d.connect(ctx, netip.AddrPortFrom(addr, port)); err == nil {
			return conn, nil
		}
		if tried++; tried == maxAddresses || ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

func split(target string) (string, uint16, error) {
	host, text, err := net.SplitHostPort(target)
	if err != nil {
		return "", 0, errNotURL
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return "", 0, fmt.Errorf("%q is no port", text)
	}
	return host, uint16(port), nil
}

// lookup gives the addresses of a host, which may be one itself.
func (d *dialer) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr.Unmap()}, nil
	}
	addrs, err := d.resolver.Addresses(ctx, strings.TrimSuffix(host, "."))
	if err == nil && len(addrs) == 0 {
		err = errors.New("it has no address")
	}
	if err != nil {
		return nil, &lookupError{host, err}
	}
	return addrs, nil
}

// connect opens a connection to one address, through the proxy if there is one.
func (d *dialer) connect(ctx context.Context, target netip.AddrPort) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if d.proxy != nil {
		return d.tunnel(ctx, target)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", netip.AddrPortFrom(target.Addr().Unmap(), target.Port()).String())
}
