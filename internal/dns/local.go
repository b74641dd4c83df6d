package dns

import (
	"net/netip"
	"slices"
	"strings"
)

// beforeOurs cuts a sorted list at the preference of our own name, whatever address that has.
func (r *router) beforeOurs(list []MX) []MX {
	if r.allowLocal || r.own == nil {
		return list
	}
	for _, m := range list {
		if r.own(m.Host, netip.Addr{}) {
			return slices.DeleteFunc(list, func(n MX) bool { return n.Preference >= m.Preference })
		}
	}
	return list
}

// usable cuts the list at our own preference (RFC 5321 section 5.1: from there on the mail would come back) and leaves
// out addresses on which nobody but this machine can be. Private ranges stay: many send inside. The hosts that this leaves out
// still belong to the set of servers: whether they are left out depends on answers that may be missing the next time.
func (r *router) usable(name string, route Route) (Route, error) {
	if r.allowLocal {
		return route, nil
	}
	limit := 1 << 16
	for _, t := range route.Targets {
		if r.own != nil && int(t.Preference) < limit && r.own(t.Host, t.Addr) {
			limit = int(t.Preference)
		}
	}
	kept := route.Targets[:0:0]
	for _, t := range route.Targets {
		if int(t.Preference) < limit && !local(t.Addr) {
			kept = append(kept, t)
		}
	}
	if len(kept) == 0 {
		if len(route.Targets) == 0 {
			return Route{}, failure(name, ErrNoAddress, route.Expires)
		}
		return Route{}, failure(name, ErrLocalOnly, route.Expires)
	}
	return Route{Targets: kept, Hosts: route.Hosts, Expires: route.Expires}, nil
}

var thisNetwork = netip.MustParsePrefix("0.0.0.0/8")

func local(a netip.Addr) bool {
	return a.IsLoopback() || a.IsUnspecified() || a.IsLinkLocalUnicast() || a.IsMulticast() || thisNetwork.Contains(a) ||
		a == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// literal reads [192.0.2.1] and [IPv6:2001:db8::1] (RFC 5321 section 4.1.3).
func literal(domain string) (netip.Addr, bool) {
	inner, ok := strings.CutPrefix(domain, "[")
	if !ok {
		return netip.Addr{}, false
	}
	if inner, ok = strings.CutSuffix(inner, "]"); !ok {
		return netip.Addr{}, false
	}
	six := len(inner) > 5 && strings.EqualFold(inner[:5], "IPv6:")
	if six {
		inner = inner[5:]
	}
	addr, err := netip.ParseAddr(inner)
	if err != nil || addr.Zone() != "" || addr.Is4() == six {
		return netip.Addr{}, false
	}
	return addr.Unmap(), true
}
