package outbox

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"posthoorn/internal/localqueue"
	"posthoorn/internal/schedule"
	"posthoorn/internal/settings"
)

// outlook is what is known of a destination, to say why its mail waits.
type outlook struct {
	destination string
	places      []localqueue.PlaceInfo
	plan        *schedule.Explanation // nil: the plan has not heard of it
}

// waitFor says what the mail of a destination waits for: a pause of the operator first, since nothing else matters while it lasts;
// then what the plan says, if it has mail or something is due; then the time of what waits.
func (e *Engine) waitFor(now time.Time, s *settings.Snapshot, o *outlook) schedule.Wait {
	since, next, due, held := o.sums(now, e.poolOf)
	if w, ok := e.heldBack(now, s, o); ok {
		w.Since = since
		return w
	}
	if o.plan != nil && (due || o.plan.Items > 0 || len(o.places) == 0) {
		w := o.plan.Waits
		if w.Next.IsZero() || !next.IsZero() && next.Before(w.Next) {
			w.Next = next
		}
		return w
	}
	switch {
	case held != "":
		return schedule.Wait{For: "the end of a pause: tag " + held, Since: since, Next: next}
	case due:
		return schedule.Wait{For: "room in memory", Since: since, Next: next}
	case !next.IsZero():
		return schedule.Wait{For: "the time of its next attempt", Since: since, Next: next}
	}
	return schedule.Wait{For: "mail: there is none"}
}

// sums looks over all places: since when something waits, when the next of it is due that is not, whether something is due now and
// may be taken, and the tags that hold it all.
func (o *outlook) sums(now time.Time, poolOf func(localqueue.Place) *schedule.Pool) (since, next time.Time, due bool, held string) {
	for i := range o.places {
		p := &o.places[i]
		if since.IsZero() || p.Since.Before(since) {
			since = p.Since
		}
		switch {
		case p.Count == p.InHand:
		case !p.NextDue.After(now):
			if p.Place.Hold == "" || poolOf(p.Place) != nil {
				due = true
			} else {
				held = shownHold(p.Place.Hold)
			}
		case next.IsZero() || p.NextDue.Before(next):
			next = p.NextDue
		}
	}
	return since, next, due, held
}

// heldBack says that no address that mail of a destination may leave from is open, and names the pause that ends first; without a
// pause, the delegate that is no address of this host.
func (e *Engine) heldBack(now time.Time, s *settings.Snapshot, o *outlook) (w schedule.Wait, ok bool) {
	var first *settings.Pause
	domain := ruleDomain(o.destination)
	for _, source := range e.sourcesOf(o, o.plan != nil && o.plan.Items > 0) {
		from, row, own := e.leaves(s, source, domain, now)
		if !own {
			w.For = fmt.Sprintf("an address to leave from: row %d of delegates names %v, which is none of this host", row, from)
			continue
		}
		p, paused := s.Paused(from, domain, nil, now)
		if !paused {
			return schedule.Wait{}, false
		}
		if first == nil || !p.Expire.IsZero() && (first.Expire.IsZero() || p.Expire.Before(first.Expire)) {
			first = &p
		}
	}
	if first != nil {
		w = schedule.Wait{For: "the end of a pause: " + pauseText(first), Next: first.Expire}
	}
	return w, true
}

// sourcesOf are the addresses that mail of a destination may leave from: of what waits, with lanes of what is or was in memory too;
// the usual ones when there is nothing. They are sorted and at most maxSources.
func (e *Engine) sourcesOf(o *outlook, lanes bool) (list []netip.Addr) {
	for i := range o.places {
		sources, _ := e.sourcesAt(o.places[i].Place)
		list = append(list, sources...)
	}
	if lanes && o.plan != nil {
		for i := range o.plan.Lanes {
			list = append(list, o.plan.Lanes[i].Source)
		}
	}
	if len(list) == 0 {
		list = append(list, e.defaults()...)
	}
	slices.SortFunc(list, netip.Addr.Compare)
	list = slices.Compact(list)
	return list[:min(len(list), maxSources)]
}

// pauseText names a pause for people.
func pauseText(p *settings.Pause) string {
	var parts []string
	if p.Source.IsValid() {
		parts = append(parts, "ip "+p.Source.String())
	}
	if p.Domain != "" {
		parts = append(parts, "domain "+p.Domain)
	}
	if p.Remote.IsValid() {
		parts = append(parts, "remote ip "+p.Remote.String())
	}
	if p.Tag != "" {
		parts = append(parts, "tag "+p.Tag)
	}
	if len(parts) == 0 {
		return "everything"
	}
	return strings.Join(parts, ", ")
}
