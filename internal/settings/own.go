package settings

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// isOwn says that an address is one of this host, or that it is not known which are.
func (o *CacheOptions) isOwn(ip netip.Addr) bool { return o.Own == nil || slices.Contains(o.Own(), ip) }

// foreign says that mail of this host is to leave from an address that is none of it, so that it fails if it may leave from no other.
func (o *CacheOptions) foreign(d *delegate, now time.Time) bool {
	return !d.over(now) && !o.isOwn(d.to) && (!d.source.IsValid() || o.isOwn(d.source))
}

const (
	noOwn   = "%v is no address of this host: "
	failing = "mail that this row leaves no other address fails until it is one"
	idle    = "the row does nothing here"
)

// warning says of a row that counts why it may not do what it seems to; empty: it does. Addresses come and go, so such a row is taken.
func (o *CacheOptions) warning(table string, row Row, now time.Time) string {
	in := &cells{row: row}
	ip := netip.Addr{}
	switch table {
	case tableDelegates:
		d := delegate{pair: pair{source: in.addr("localip")}, to: in.addr("delegate"), expire: in.moment("expire")}
		if d.to.IsValid() && o.foreign(&d, now) {
			return fmt.Sprintf(noOwn+failing, d.to)
		}
	case tableCapacity:
		ip = in.addr("localip")
	case tableNames:
		ip = in.addr("ip")
	}
	if ip.IsValid() && !o.isOwn(ip) {
		return fmt.Sprintf(noOwn+idle, ip)
	}
	return ""
}

// foreign are the rows of delegates that make mail of this host fail.
func (c *Cache) foreign() (list []badRow) {
	now := c.options.Now()
	for _, rows := range c.contents.delegates {
		for _, d := range rows {
			if c.options.foreign(&d, now) {
				list = append(list, badRow{tableDelegates, fmt.Sprint(d.id), fmt.Sprintf(noOwn+failing, d.to)})
			}
		}
	}
	return list
}
