package settings

import (
	"net/netip"
	"time"
)

// delegate sends what is planned from one of our addresses from another (delivery-control.md section 4).
type delegate struct {
	pair
	id     int64
	to     netip.Addr
	expire time.Time
}

func (d delegate) over(now time.Time) bool { return !d.expire.IsZero() && !now.Before(d.expire) }

// delegates by what they are for, in the order of their ids.
type delegates map[pair][]delegate

func newDelegates(rows []delegate) delegates {
	all := delegates{}
	for _, row := range rows {
		all[row.pair] = append(all[row.pair], row)
	}
	return all
}

// find takes the most specific row that has not ended: the pair, the domain, the address, everything.
func (d delegates) find(source netip.Addr, domain string, now time.Time) (delegate, bool) {
	if len(d) == 0 {
		return delegate{}, false
	}
	for _, p := range [...]pair{{source, domain}, {domain: domain}, {source: source}, {}} {
		for _, row := range d[p] {
			if !row.over(now) {
				return row, true
			}
		}
	}
	return delegate{}, false
}
