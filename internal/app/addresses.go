package app

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"posthoorn/internal/settings"
)

// addresses knows the IP addresses of this host. They are read again every few seconds: addresses come and go (F32).
type addresses struct {
	mu   sync.Mutex
	list []netip.Addr
	read time.Time
}

// addressesAge is how old the list may be.
const addressesAge = 5 * time.Second

// own are all addresses of this host, loopback too, sorted. The list must not be changed.
func (a *addresses) own() []netip.Addr {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now := time.Now(); a.list == nil || now.Sub(a.read) > addressesAge {
		a.read = now
		if list, err := hostAddresses(); err == nil {
			a.list = list
		}
	}
	return a.list
}

func hostAddresses() ([]netip.Addr, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var list []netip.Addr
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			list = append(list, p.Addr().Unmap())
		}
	}
	slices.SortFunc(list, netip.Addr.Compare)
	return slices.Compact(list), nil
}

// isOwn also knows that all of 127/8 is this host, though only one address of it is listed.
func (a *addresses) isOwn(ip netip.Addr) bool {
	return ip.IsLoopback() || slices.Contains(a.own(), ip)
}

// reverse is the one question that names asks of DNS.
type reverse interface {
	PTR(ctx context.Context, addr netip.Addr) ([]string, error)
}

// names finds what EHLO says for a source address: that of the settings, else its reverse DNS, else the address as a literal
// (delivery-control.md section 5).
type names struct {
	settings func() *settings.Snapshot
	dns      reverse
	hostname string

	mu    sync.Mutex
	known map[netip.Addr]name
}

type name struct {
	text  string
	until time.Time
}

const (
	nameLife  = time.Hour
	nameWait  = 5 * time.Second // a name server that is slow must not hold up mail
	nameAgain = time.Minute     // after a failure
)

func newNames(current func() *settings.Snapshot, dns reverse, hostname string) *names {
	return &names{settings: current, dns: dns, hostname: hostname, known: map[netip.Addr]name{}}
}

func (n *names) of(ctx context.Context, source netip.Addr) string {
	if !source.IsValid() || source.IsUnspecified() {
		return n.hostname
	}
	if given := n.settings().Name(source); given != "" {
		return given
	}
	now := time.Now()
	n.mu.Lock()
	known, ok := n.known[source]
	n.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.text
	}
	found := n.find(ctx, source, now)
	n.mu.Lock()
	n.known[source] = found
	n.mu.Unlock()
	return found.text
}

func (n *names) find(ctx context.Context, source netip.Addr, now time.Time) name {
	ctx, cancel := context.WithTimeout(ctx, nameWait)
	defer cancel()
	if list, err := n.dns.PTR(ctx, source); err == nil && len(list) > 0 {
		return name{strings.TrimSuffix(list[0], "."), now.Add(nameLife)}
	}
	return name{literal(source), now.Add(nameAgain)}
}

func literal(ip netip.Addr) string {
	if ip.Is4() {
		return "[" + ip.String() + "]"
	}
	return "[IPv6:" + ip.String() + "]"
}
