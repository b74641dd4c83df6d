package settings

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
)

// addrRange is a range of addresses of one family, both ends included.
type addrRange struct{ first, last netip.Addr }

// blacklist are ranges in order, none of which touches another.
type blacklist []addrRange

// Blacklisted says whether a peer is in a range of table blacklist.
func (s *Snapshot) Blacklisted(ip netip.Addr) bool { return s.blacklist.has(ip.Unmap().WithZone("")) }

func (b blacklist) has(ip netip.Addr) bool {
	i, _ := slices.BinarySearchFunc(b, ip, func(r addrRange, ip netip.Addr) int { return r.last.Compare(ip) })
	return ip.IsValid() && i < len(b) && b[i].first.BitLen() == ip.BitLen() && b[i].first.Compare(ip) <= 0
}

func (c *contents) blacklistRows(rows []Row) {
	var list []addrRange
	c.each(tableBlacklist, rows, func(in *cells, _ int64) {
		r, err := parseRange(in.trimmed("iprange"))
		if err != nil {
			in.fail("iprange", err.Error())
			return
		}
		list = append(list, r)
	})
	c.blacklist = joined(list)
}

var errRange = errors.New("is no address, no network such as 192.0.2.0/24 and no range such as 192.0.2.1-192.0.2.9")

// parseRange takes an address, a network, or two addresses with a hyphen between them.
func parseRange(s string) (addrRange, error) {
	if prefix, err := netip.ParsePrefix(s); err == nil {
		return rangeOf(prefix)
	}
	from, to, two := strings.Cut(s, "-")
	if !two {
		to = from
	}
	first, err := parseAddr(strings.TrimSpace(from))
	last, wrong := parseAddr(strings.TrimSpace(to))
	if err != nil || wrong != nil || first.BitLen() != last.BitLen() || last.Less(first) {
		return addrRange{}, errRange
	}
	return addrRange{first, last}, nil
}

// rangeOf is all of a network, whatever stands behind its prefix. One of IPv4 that is written as IPv6 is the plain one.
func rangeOf(p netip.Prefix) (addrRange, error) {
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return addrRange{}, errRange
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	p = p.Masked()
	last := p.Addr().AsSlice()
	for bit := p.Bits(); bit < 8*len(last); bit++ {
		last[bit/8] |= 1 << (7 - bit%8)
	}
	end, _ := netip.AddrFromSlice(last)
	return addrRange{p.Addr(), end}, nil
}

// joined puts ranges in order and makes one of those that overlap or touch.
func joined(list []addrRange) (b blacklist) {
	slices.SortFunc(list, func(x, y addrRange) int { return x.first.Compare(y.first) })
	for _, r := range list {
		if n := len(b); n > 0 && b[n-1].first.BitLen() == r.first.BitLen() && b[n-1].reaches(r.first) {
			if b[n-1].last.Less(r.last) {
				b[n-1].last = r.last
			}
			continue
		}
		b = append(b, r)
	}
	return b
}

// reaches says that ip is in the range or right behind it.
func (r addrRange) reaches(ip netip.Addr) bool {
	next := r.last.Next()
	return !next.IsValid() || ip.Compare(next) <= 0
}
