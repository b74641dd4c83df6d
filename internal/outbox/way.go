package outbox

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"posthoorn/internal/localqueue"
	"posthoorn/internal/schedule"
	"posthoorn/internal/settings"
)

// way is how a message may leave by the settings of one moment: delegates and pauses of the operator are applied before the plan
// sees it (delivery-control.md sections 3 and 4).
type way struct {
	pool   *schedule.Pool // nil: no address is left
	class  schedule.Class // of one with a pool
	place  localqueue.Place
	paused bool // every address that is left is paused
	rules  *rules
}

// wayOf decides for a message whose site and sources are known.
func (e *Engine) wayOf(it *item, r *rules, now time.Time) way {
	if it.pinned.IsValid() {
		if w := e.wayFrom(it, r, []netip.Addr{it.pinned}, now); !w.paused && w.pool != nil {
			return w
		}
	}
	return e.wayFrom(it, r, it.sources, now)
}

func (e *Engine) wayFrom(it *item, r *rules, sources []netip.Addr, now time.Time) way {
	w := way{rules: r, place: localqueue.Place{Destination: it.site, Sources: pinnedKey(it.key, it.pinned)}}
	w.place.Hold = r.hold(it.m.Tags, ruleDomain(it.site))
	open, paused := e.open(r.s, sources, ruleDomain(it.site), it.m.Tags, now)
	switch {
	case len(open) > 0:
		w.pool, w.class = e.pools.Of(open...), e.class(it, r, open)
	case paused:
		w.paused = true
	}
	return w
}

// open are the addresses that mail may leave from now: delegates in place of those that have one, without those that are paused.
// None, and no pause either: no delegate is an address of this host.
func (e *Engine) open(s *settings.Snapshot, sources []netip.Addr, domain string, tags []string, now time.Time) (open []netip.Addr, paused bool) {
	for i, source := range sources {
		source, _, ok := e.leaves(s, source, domain, now)
		if !ok {
			continue
		}
		if _, ok := s.Paused(source, domain, tags, now); ok {
			paused = true
			continue
		}
		if open == nil {
			open = make([]netip.Addr, 0, len(sources)-i)
		}
		open = append(open, source)
	}
	return open, paused
}

// leaves is the address that mail for a domain leaves from in place of source: its delegate by a row, or itself, and then row is 0.
// False: the delegate is no address of this host.
func (e *Engine) leaves(s *settings.Snapshot, source netip.Addr, domain string, now time.Time) (from netip.Addr, row int64, ok bool) {
	to, row, delegated := s.Delegate(source, domain, now)
	if !delegated {
		return source, 0, true
	}
	return to, row, slices.Contains(e.o.Own(), to)
}

// same says that nothing is new for an item.
func (w *way) same(it *item) bool {
	return !w.paused && w.pool == it.pool && w.class == it.class && w.place == it.place
}

// take makes it the item's way.
func (w *way) take(it *item) {
	it.pool, it.class, it.place, it.rules = w.pool, w.class, w.place, w.rules
}

// ruleDomain is the name of a site in the tables: the domain, or the host of a smarthost.
func ruleDomain(site string) string {
	host, _, _ := splitSite(site)
	return host
}

// sourcesAt are the addresses of this host that mail of a place may leave from by what its sender says, all that he names if none
// is ours, and of these the one that a greylisting server knows. Older versions wrote that one alone.
func (e *Engine) sourcesAt(p localqueue.Place) (list []netip.Addr, pinned netip.Addr) {
	key, pin, _ := strings.Cut(p.Sources, "@")
	if key == "" {
		list = e.defaults()
	}
	for name := range strings.SplitSeq(key, ",") {
		if ip, err := netip.ParseAddr(name); err == nil {
			list = append(list, ip)
		}
	}
	if key != "" {
		list = usable(list, e.o.Own())
	}
	if ip, err := netip.ParseAddr(pin); err == nil && slices.Contains(list, ip) {
		pinned = ip
	}
	return list, pinned
}

// usable are those of own, all if there are none.
func usable(list, own []netip.Addr) []netip.Addr {
	var left []netip.Addr
	for _, ip := range list {
		if slices.Contains(own, ip) {
			left = append(left, ip)
		}
	}
	if left == nil {
		return list
	}
	return left
}

// pinnedKey names a set of addresses in the local queue, and the one of them that is pinned, if any.
func pinnedKey(key string, pinned netip.Addr) string {
	if !pinned.IsValid() {
		return key
	}
	return key + "@" + pinned.String()
}

// poolOf is what mail of a place may leave from now; nil while it is paused.
func (e *Engine) poolOf(p localqueue.Place) *schedule.Pool {
	sources, pinned := e.sourcesAt(p)
	s, domain, tags, now := e.rules.Load().s, ruleDomain(p.Destination), tagsOf(p.Hold), time.Now()
	if pinned.IsValid() {
		if open, _ := e.open(s, []netip.Addr{pinned}, domain, tags, now); len(open) > 0 {
			return e.pools.Of(open...)
		}
	}
	open, paused := e.open(s, sources, domain, tags, now)
	switch {
	case len(open) > 0:
		return e.pools.Of(open...)
	case paused:
		return nil
	}
	return e.pools.Of(sources...) // to be refused when it is picked up
}
