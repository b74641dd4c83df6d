package fetch

import (
	"net/netip"
	"slices"
)

// rules say which addresses may be connected to.
type rules struct {
	blacklist []netip.Prefix
	whitelist []Exception
}

// special are the networks that are not public, of the IANA registries for special purposes (RFC 6890), and what answers
// questions about a machine in the big clouds. Of IPv6 this is besides all that is not global unicast.
var special = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"168.63.129.16/32",
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)

var (
	global = netip.MustParsePrefix("2000::/3")
	nat64  = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052: the last four bytes are the address
)

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// allow says whether an address may be connected to. IPv4 within IPv6 counts as IPv4; an address with a zone is in no network.
func (r *rules) allow(addr netip.Addr, port uint16) bool {
	addr = addr.Unmap()
	if slices.ContainsFunc(r.whitelist, func(e Exception) bool {
		return contains(e.Prefix, addr) && (e.Port == 0 || e.Port == port)
	}) {
		return true
	}
	if within(r.blacklist, addr) {
		return false
	}
	if nat64.Contains(addr) {
		b := addr.As16()
		return r.allow(netip.AddrFrom4([4]byte(b[12:])), port)
	}
	return !within(special, addr) && (addr.Is4() || global.Contains(addr))
}

func within(list []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return contains(p, addr) })
}

// contains is that of the prefix, which may be written as IPv4 within IPv6 as well.
func contains(p netip.Prefix, addr netip.Addr) bool {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Contains(addr)
}
