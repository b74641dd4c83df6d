package outbox

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"posthoorn/internal/dns"
	"posthoorn/internal/mail"
	"posthoorn/internal/schedule"
)

// lookup finds the servers of a site and tells the loop.
func (e *Engine) lookup(site string) {
	if e.o.Sink != nil {
		e.loop.post(event{kind: evRoute, site: site, route: e.sinkRoute()})
		return
	}
	e.wg.Go(func() {
		route, err := e.find(site)
		if err == nil && e.o.Settings().HasLimits(site) {
			e.aliases.learn(site, route.Identity())
		}
		e.loop.post(event{kind: evRoute, site: site, route: e.routeOf(site, route), err: err})
	})
}

// find asks the DNS, unless the operator has given the addresses (delivery-control.md section 6).
func (e *Engine) find(site string) (dns.Route, error) {
	host, _, ok := splitSite(site)
	if fixed := e.o.Settings().Override(host); fixed != nil {
		targets := make([]dns.Target, len(fixed))
		for i, t := range fixed {
			targets[i] = dns.Target{Host: t.Addr.String(), Addr: t.Addr, Preference: uint16(min(max(t.Priority, 0), math.MaxUint16))}
		}
		return e.o.Resolver.Override(host, targets)
	}
	if ok {
		return e.o.Resolver.ResolveHost(e.ctx, host)
	}
	return e.o.Resolver.Resolve(e.ctx, site)
}

// splitSite takes the key of a smarthost apart; a domain has no port.
func splitSite(site string) (host string, port uint16, ok bool) {
	i := strings.LastIndexByte(site, ':')
	if i < 0 || site[len(site)-1] == ']' {
		return site, 0, false
	}
	n, err := strconv.ParseUint(site[i+1:], 10, 16)
	return site[:i], uint16(n), err == nil
}

// sinkRoute leads every site to the sink; their queues stay apart.
func (e *Engine) sinkRoute() schedule.Route {
	return schedule.Route{Targets: []schedule.Target{{Host: e.o.Sink.Host, Addr: e.o.SinkAddr}}}
}

// routeOf says that sites with the same servers are one group (delivery-control.md section 1): the same hosts and the same port,
// since any connection of a group may carry the mail of all its sites.
func (e *Engine) routeOf(site string, r dns.Route) schedule.Route {
	out := schedule.Route{Expires: r.Expires, Group: r.Identity() + " port " + strconv.Itoa(int(e.portOf(site))), Limits: r.Identity()}
	if host, _, ok := splitSite(site); ok { // counts under its own name
		out.Group, out.Limits = "smarthost "+site, host
	}
	for _, t := range r.Targets {
		out.Targets = append(out.Targets, schedule.Target{Host: t.Host, Addr: t.Addr, Preference: t.Preference, Secure: t.Secure})
	}
	return out
}

func (l *loop) resolved(now time.Time, ev *event) {
	if l.e.aliases.fresh(ev.site) { // of others checkLimits hears
		l.adopt(now)
	}
	if ev.err == nil {
		l.plan.Resolved(now, ev.site, ev.route)
		return
	}
	if errors.Is(ev.err, context.Canceled) {
		return
	}
	until := now.Add(lookupAgain)
	r := mail.Result{State: mail.StateDNS, Kind: mail.Failed, Code: 451, Status: "4.4.3"}
	if de, ok := errors.AsType[*dns.Error](ev.err); ok {
		r.Code, r.Status, r.Permanent = de.Code, de.Enhanced, !de.Temporary()
		if de.Timeout() {
			r.Kind = mail.Timeout
		}
		until = later(now.Add(time.Second), de.Expires)
		if de.Expires.IsZero() {
			until = now.Add(lookupAgain)
		}
	}
	l.plan.ResolveFailed(now, ev.site, &failure{result: r, cause: ev.err}, until, !r.Permanent)
}

// lookupAgain is how long a lookup that failed for a passing reason answers for the next message of its site.
const lookupAgain = 30 * time.Second
