package outbox

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"posthoorn/internal/dns"
	"posthoorn/internal/localqueue"
	"posthoorn/internal/schedule"
	"posthoorn/internal/settings"
)

// Explanation is all that is known of one destination at one moment. Times that are zero say nothing.
type Explanation struct {
	Destination string                `json:"destination"`
	Time        time.Time             `json:"time"`
	Waits       schedule.Wait         `json:"waits"` // what it waits for, since when, and the next moment that anything happens
	Sources     []SourceExplanation   `json:"sources"`
	Domains     []string              `json:"domains,omitempty"` // of its group, with rows of their own: their limits hold together
	Pauses      []settings.Pause      `json:"pauses,omitempty"`  // that hold back some or all of its mail
	Route       RouteExplanation      `json:"route"`
	Waiting     WaitingExplanation    `json:"waiting"`
	Plan        *schedule.Explanation `json:"plan,omitempty"` // nil: nothing is in memory for it, nor was lately
	key         string                // of the limits of its group
}

// SourceExplanation is what holds for the mail of a destination that leaves from one address.
type SourceExplanation struct {
	Source   netip.Addr            `json:"source,omitzero"` // zero: the kernel chooses
	Name     string                `json:"name,omitempty"`  // in EHLO, where a row says so
	Delegate netip.Addr            `json:"delegate,omitzero"`
	Row      int64                 `json:"row,omitempty"`     // of delegates
	NotOwn   bool                  `json:"not_own,omitempty"` // the delegate is no address of this host: nothing can leave
	Pause    *settings.Pause       `json:"pause,omitempty"`
	Limits   []settings.LimitField `json:"limits"`
}

// RouteExplanation is where mail for a destination goes.
type RouteExplanation struct {
	Targets []schedule.Target `json:"targets,omitempty"`
	Expires time.Time         `json:"expires,omitzero"` // zero: never
	Fixed   bool              `json:"fixed,omitempty"`  // by rows of the table dns, or by the configuration
	Error   string            `json:"error,omitempty"`
}

// WaitingExplanation is what stands in the local queue for a destination.
type WaitingExplanation struct {
	Count   int       `json:"count"`    // those in memory included
	InHand  int       `json:"in_hand"`  // of these, in memory
	Due     int       `json:"due"`      // of the others, due now
	AtLeast bool      `json:"at_least"` // there are more than Due says
	NextDue time.Time `json:"next_due,omitzero"`
	Since   time.Time `json:"since,omitzero"` // something has been waiting since then
	Places  []Place   `json:"places,omitempty"`
}

// Place is mail of a destination that may leave from the same addresses.
type Place struct {
	Sources string    `json:"sources,omitempty"` // empty: the usual ones; after an @ the one that a greylisting server knows
	Hold    string    `json:"hold,omitempty"`    // the paused tags that hold some or all of it, separated by commas
	Count   int       `json:"count"`
	NextDue time.Time `json:"next_due,omitzero"`
	Since   time.Time `json:"since,omitzero"`
}

// Explain tells all that is known of a destination; with a valid source, of its mail that leaves from there. One that nothing was
// sent to yet has limits and pauses too, and its servers are looked up.
func (e *Engine) Explain(ctx context.Context, destination string, source netip.Addr) (Explanation, error) {
	x := Explanation{Destination: destination, Time: time.Now()}
	err := e.inLoop(ctx, func(now time.Time) {
		if plan, ok := e.loop.plan.Explain(now, destination); ok {
			plan.Targets = slices.Clone(plan.Targets) // the plan goes on to change its own
			x.Plan = &plan
		}
	})
	if err != nil {
		return x, err
	}
	s := e.o.Settings()
	o := &outlook{destination: destination, places: e.o.Waiting.PlacesOf(destination), plan: x.Plan}
	if err := e.explainWaiting(&x, o.places); err != nil {
		return x, err
	}
	x.Route = e.explainRoute(ctx, s, &x)
	x.Domains = e.limitDomains(s, &x)
	sources := e.sourcesOf(o, true)
	if source.IsValid() {
		sources = []netip.Addr{source}
		x.keepSource(source)
	}
	e.explainSources(&x, s, sources)
	x.Pauses = slices.DeleteFunc(s.Pauses(), func(p settings.Pause) bool { return !x.concerned(&p, sources) })
	x.Waits = e.waitFor(x.Time, s, o)
	if x.Route.Error != "" && strings.HasPrefix(x.Waits.For, "mail:") {
		x.Waits = schedule.Wait{For: "its servers: " + x.Route.Error}
	}
	return x, nil
}

// maxCounted bounds how much of what is due is counted.
const maxCounted = 100_000

func (e *Engine) explainWaiting(x *Explanation, places []localqueue.PlaceInfo) error {
	w := &x.Waiting
	for _, p := range places {
		w.Count, w.InHand = w.Count+p.Count, w.InHand+p.InHand
		w.Since = earlier(w.Since, p.Since)
		due, next, err := e.o.Waiting.Outlook(p.Place, x.Time, maxCounted-w.Due)
		if err != nil {
			return err
		}
		w.Due += due
		w.NextDue = earlier(w.NextDue, next)
		if len(w.Places) < maxPlaces {
			w.Places = append(w.Places, Place{Sources: p.Place.Sources, Hold: shownHold(p.Place.Hold), Count: p.Count, NextDue: p.NextDue, Since: p.Since})
		}
	}
	w.AtLeast = w.Due == maxCounted
	slices.SortFunc(w.Places, func(a, b Place) int {
		return cmp.Or(b.Count-a.Count, cmp.Compare(a.Sources, b.Sources), cmp.Compare(a.Hold, b.Hold))
	})
	return nil
}

// maxPlaces is how many places of a destination are shown.
const maxPlaces = 100

// earlier is the first of two times, of which zero says nothing.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// explainPatience bounds the wait for a lookup.
const explainPatience = 5 * time.Second

// explainRoute shows where mail goes: as the plan has it, and else by a lookup.
func (e *Engine) explainRoute(ctx context.Context, s *settings.Snapshot, x *Explanation) RouteExplanation {
	r := RouteExplanation{Fixed: e.o.Sink != nil || s.Override(ruleDomain(x.Destination)) != nil}
	if p := x.Plan; p != nil && len(p.Targets) > 0 {
		r.Targets, r.Expires = p.Targets, p.Expires
		if len(p.Lanes) > 0 {
			x.key = p.Lanes[0].Key
		}
		return r
	}
	if e.o.Sink != nil {
		r.Targets = e.sinkRoute().Targets
		return r
	}
	found, err := e.findSoon(ctx, x.Destination)
	if r.Targets, r.Expires, x.key = found.Targets, found.Expires, found.Limits; err != nil {
		r.Error = err.Error()
	}
	return r
}

var errNoAnswer = errors.New("no answer yet")

// findSoon looks a site up for somebody who does not wait for long.
func (e *Engine) findSoon(ctx context.Context, site string) (schedule.Route, error) {
	var route schedule.Route
	var err error
	found := make(chan struct{})
	e.wg.Go(func() {
		defer close(found)
		var r dns.Route
		r, err = e.find(site)
		route = e.routeOf(site, r)
	})
	ctx, cancel := context.WithTimeout(ctx, explainPatience)
	defer cancel()
	select {
	case <-found:
		return route, err
	case <-ctx.Done():
		return schedule.Route{}, errNoAnswer
	}
}

// limitDomains are the domains whose rows hold for the destination.
func (e *Engine) limitDomains(s *settings.Snapshot, x *Explanation) []string {
	r := e.rules.Load()
	var list []string
	for _, d := range r.domains(x.key) {
		if s.HasLimits(d) {
			list = append(list, d)
		}
	}
	if name := ruleDomain(x.Destination); s.HasLimits(name) && !slices.Contains(list, name) {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// keepSource leaves out the lanes of other addresses.
func (x *Explanation) keepSource(source netip.Addr) {
	if x.Plan != nil {
		x.Plan.Lanes = slices.DeleteFunc(x.Plan.Lanes, func(l schedule.LaneReport) bool { return l.Source != source })
	}
}

func (e *Engine) explainSources(x *Explanation, s *settings.Snapshot, sources []netip.Addr) {
	for _, source := range sources {
		one := SourceExplanation{Source: source, Name: s.Name(source)}
		from, row, ok := e.leaves(s, source, ruleDomain(x.Destination), x.Time)
		if from != source {
			one.Delegate, one.Row, one.NotOwn = from, row, !ok
		}
		if p, paused := s.Paused(from, ruleDomain(x.Destination), nil, x.Time); ok && paused {
			one.Pause = &p
		}
		one.Limits = s.ExplainLimits(source, x.Domains, x.floods(source))
		x.Sources = append(x.Sources, one)
	}
}

// floods are the rows whose reduced limits hold for an address now.
func (x *Explanation) floods(source netip.Addr) (ids []int64) {
	if x.Plan == nil {
		return nil
	}
	for i := range x.Plan.Lanes {
		if l := &x.Plan.Lanes[i]; l.Source == source {
			for _, f := range l.Floods {
				if f.Reduced.After(x.Time) {
					ids = append(ids, f.ID)
				}
			}
		}
	}
	return ids
}

// concerned says that a pause holds back mail of the destination, or that with its tag.
func (x *Explanation) concerned(p *settings.Pause, sources []netip.Addr) bool {
	switch {
	case !p.Expire.IsZero() && !p.Expire.After(x.Time),
		p.Domain != "" && p.Domain != ruleDomain(x.Destination),
		p.Source.IsValid() && !slices.Contains(sources, p.Source):
		return false
	}
	return !p.Remote.IsValid() || slices.ContainsFunc(x.Route.Targets, func(t schedule.Target) bool { return t.Addr == p.Remote })
}
