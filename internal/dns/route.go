package dns

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	mdns "github.com/miekg/dns"
)

// Target is one address that mail may be delivered to.
type Target struct {
	Host       string // name of the server, as certificates have it; empty for an address literal
	Addr       netip.Addr
	Preference uint16
	Secure     bool // list and address were validated (DNSSEC) by a resolver on this machine
}

// name is what the server is known by.
func (t Target) name() string {
	if t.Host == "" {
		return t.Addr.String()
	}
	return t.Host
}

// Route is where mail for a domain goes: 1 to 100 targets in the order in which they are to be tried.
type Route struct {
	Targets []Target
	Hosts   []string  // names of the servers, also of those whose addresses could not be found out; empty = those of Targets
	Expires time.Time // zero for an address literal: never
}

// router makes routes from answers. The resolver's come from name servers, the fake's from maps.
type router struct {
	look           func(ctx context.Context, name string, qtype uint16) (answer, error)
	hosts          func(name string) []netip.Addr
	now            func() time.Time
	own            func(host string, addr netip.Addr) bool
	allowLocal     bool
	shuffle        func(n int, swap func(i, j int))
	grace          time.Duration // how long hosts that are slow to find are waited for, once one is found
	minTTL, maxTTL time.Duration
}

// Resolve finds the servers of a domain (A-labels, or an address literal of RFC 5321 section 4.1.3): its mail
// exchangers, those of equal preference in random order, or if it has none the domain's own addresses. Each server's
// IPv4 and IPv6 addresses alternate, so that a broken family delays and does not fail. The error is an *Error.
func (r *router) Resolve(ctx context.Context, domain string) (Route, error) {
	if addr, ok := literal(domain); ok {
		return r.usable(domain, Route{Targets: []Target{{Addr: addr}}})
	}
	name, err := checked(domain)
	if err != nil {
		return Route{}, failure(domain, ErrNoDomain, time.Time{})
	}
	list, err := r.exchangers(ctx, name)
	if err != nil {
		return Route{}, err
	}
	route, err := r.addresses(ctx, name, list)
	if err != nil {
		return Route{}, err
	}
	return r.usable(name, route)
}

// ResolveHost finds the addresses of a host that somebody named on purpose, such as a smarthost: no MX, and local
// addresses are as good as any. host may be an address, bare or as a literal.
func (r *router) ResolveHost(ctx context.Context, host string) (Route, error) {
	if addr, ok := literal(host); ok {
		return Route{Targets: []Target{{Addr: addr}}}, nil
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return Route{Targets: []Target{{Addr: addr.Unmap()}}}, nil
	}
	name, err := checked(host)
	if err != nil {
		return Route{}, failure(host, ErrNoDomain, time.Time{})
	}
	return r.addresses(ctx, name, exchangers{list: []MX{{Host: name}}, secure: true, expires: r.now().Add(r.maxTTL)})
}

// Override makes the route of a domain whose addresses the operator has given (delivery-control.md section 6): lowest
// preference first, equals in random order. The rule for local addresses holds as for any other.
func (r *router) Override(domain string, targets []Target) (Route, error) {
	targets = slices.Clone(targets)
	r.mix(len(targets), func(i, j int) { targets[i], targets[j] = targets[j], targets[i] })
	slices.SortStableFunc(targets, func(a, b Target) int { return int(a.Preference) - int(b.Preference) })
	return r.usable(domain, Route{Targets: targets[:min(len(targets), maxAddrs)]})
}

// exchangers is the list of a domain, real or implied.
type exchangers struct {
	list    []MX
	secure  bool
	expires time.Time
}

func (r *router) exchangers(ctx context.Context, name string) (exchangers, error) {
	a, err := r.look(ctx, name, mdns.TypeMX)
	if err != nil {
		if local := r.hosts(name); len(local) > 0 && errors.Is(err, ErrNoDomain) {
			return exchangers{list: []MX{{Host: name}}, expires: r.now().Add(r.minTTL)}, nil
		}
		return exchangers{}, err
	}
	x := exchangers{secure: a.secure, expires: a.expires}
	for _, m := range a.mx {
		if m.Host != "" {
			x.list = append(x.list, m)
		}
	}
	switch {
	case len(x.list) > 0:
		r.mix(len(x.list), func(i, j int) { x.list[i], x.list[j] = x.list[j], x.list[i] })
		slices.SortStableFunc(x.list, func(a, b MX) int { return int(a.Preference) - int(b.Preference) })
		x.list = r.beforeOurs(x.list[:min(len(x.list), maxMX)])
	case len(a.mx) > 0:
		return exchangers{}, failure(name, ErrNullMX, a.expires)
	default:
		x.list = []MX{{Host: name}}
	}
	if len(x.list) == 0 {
		return exchangers{}, failure(name, ErrLocalOnly, a.expires)
	}
	return x, nil
}

// found are the addresses of the exchanger at place i of the list.
type found struct {
	i       int
	addrs   []netip.Addr
	secure  bool
	expires time.Time
	err     error
}

// addresses looks up all hosts of the list at once. When one is found the others get a moment more, not their full
// time: a dead name server of one exchanger must not hold up mail that another would take.
func (r *router) addresses(ctx context.Context, name string, x exchangers) (Route, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan found, len(x.list))
	for i, m := range x.list {
		go func() { results <- r.host(ctx, i, m.Host) }()
	}
	hosts := make([]found, len(x.list))
	var grace *time.Timer
	for range x.list {
		f := <-results
		hosts[f.i] = f
		if len(f.addrs) > 0 && grace == nil && r.grace > 0 {
			grace = time.AfterFunc(r.grace, cancel)
			defer grace.Stop()
		}
	}
	return r.join(name, x, hosts)
}

// join lays the addresses in a row, each once.
func (r *router) join(name string, x exchangers, hosts []found) (Route, error) {
	route := Route{Expires: x.expires}
	seen := make(map[netip.Addr]bool)
	var failed error
	for i, f := range hosts {
		unknown := f.err != nil && !errors.Is(f.err, ErrNoDomain)
		if unknown {
			failed = f.err
			route.Expires = earlier(route.Expires, r.now().Add(r.minTTL))
		} else {
			route.Expires = earlier(route.Expires, f.expires)
		}
		if unknown || len(f.addrs) > 0 {
			route.Hosts = append(route.Hosts, x.list[i].Host)
		}
		for _, addr := range f.addrs {
			if seen[addr] || len(route.Targets) == maxAddrs {
				continue
			}
			seen[addr] = true
			m := x.list[i]
			route.Targets = append(route.Targets, Target{m.Host, addr, m.Preference, x.secure && f.secure})
		}
	}
	switch {
	case len(route.Targets) > 0:
		return route, nil
	case failed != nil:
		return Route{}, failed
	case len(hosts) == 1 && hosts[0].err != nil && x.list[0].Host == name:
		return Route{}, hosts[0].err
	}
	return Route{}, failure(name, ErrNoAddress, route.Expires)
}

func earlier(a, b time.Time) time.Time {
	if b.IsZero() || a.Before(b) {
		return a
	}
	return b
}

// host finds the addresses of one host, of both families at once. One family is enough; it is an error only if
// neither has an address and one could not be found out.
func (r *router) host(ctx context.Context, i int, name string) found {
	if local := r.hosts(name); len(local) > 0 {
		return found{i: i, addrs: local, expires: r.now().Add(r.minTTL)}
	}
	if addr, err := netip.ParseAddr(name); err == nil { // forbidden (RFC 1035), often meant
		return found{i: i, addrs: []netip.Addr{addr.Unmap()}, expires: r.now().Add(r.minTTL)}
	}
	var six answer
	var sixErr error
	done := make(chan struct{})
	go func() {
		defer close(done)
		six, sixErr = r.look(ctx, name, mdns.TypeAAAA)
	}()
	four, fourErr := r.look(ctx, name, mdns.TypeA)
	<-done
	f := found{i: i, addrs: r.alternate(four.addrs, six.addrs)}
	f.secure = (four.secure || len(four.addrs) == 0) && (six.secure || len(six.addrs) == 0)
	f.expires = earlier(orFar(four.expires), six.expires)
	if len(f.addrs) == 0 {
		f.err = worse(fourErr, sixErr)
		if e, ok := errors.AsType[*Error](f.err); ok {
			f.expires = e.Expires
		}
	}
	return f
}

func orFar(t time.Time) time.Time {
	if t.IsZero() {
		return time.Unix(1<<33, 0)
	}
	return t
}

// worse prefers the error that leaves hope: it is final only if both families say so.
func worse(a, b error) error {
	switch {
	case errors.Is(a, ErrTemporary):
		return a
	case errors.Is(b, ErrTemporary):
		return b
	case a != nil && b != nil:
		return a
	}
	return nil
}

// alternate mixes the addresses of each family and takes one of each in turn.
func (r *router) alternate(four, six []netip.Addr) []netip.Addr {
	families := [][]netip.Addr{slices.Clone(four), slices.Clone(six)}
	for _, f := range families {
		r.mix(len(f), func(i, j int) { f[i], f[j] = f[j], f[i] })
	}
	all := make([]netip.Addr, 0, len(four)+len(six))
	for i := range max(len(four), len(six)) {
		for _, f := range families {
			if i < len(f) {
				all = append(all, f[i])
			}
		}
	}
	return all
}

func (r *router) mix(n int, swap func(i, j int)) {
	if r.shuffle != nil && n > 1 {
		r.shuffle(n, swap)
	}
}

// Identity names the set of servers whatever their order: domains with the same identity are served by the same
// machines (delivery-control.md section 1, domain aliases). It stays the same while the addresses of some are not to be had:
// limits and counters hang on it.
func (r Route) Identity() string {
	names := slices.Clone(r.Hosts)
	if len(names) == 0 {
		for _, t := range r.Targets {
			names = append(names, t.name())
		}
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), " ")
}
