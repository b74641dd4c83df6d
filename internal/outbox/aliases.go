package outbox

import (
	"context"
	"sync"
	"time"
)

// aliases know which domains with rows of their own are served by which group: a row for one domain governs all that share its
// servers (delivery-control.md section 1).
type aliases struct {
	changed chan struct{} // the settings are others now
	mu      sync.Mutex
	keys    map[string]string   // limits key by domain
	byKey   map[string][]string // never changed, only replaced; nil: to be made
	news    map[string]bool     // domains that are known, or not, since groups was called
}

// groups are the domains by limits key.
func (a *aliases) groups() map[string][]string {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.news = nil
	if a.byKey == nil {
		a.byKey = make(map[string][]string, len(a.keys))
		for domain, key := range a.keys {
			a.byKey[key] = append(a.byKey[key], domain)
		}
	}
	return a.byKey
}

// learn notes who serves a domain.
func (a *aliases) learn(domain, key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.keys[domain] == key {
		return
	}
	if a.keys == nil {
		a.keys = map[string]string{}
	}
	a.keys[domain] = key
	a.changes(domain)
}

// changes notes that groups would answer something else; mu is held.
func (a *aliases) changes(domain string) {
	if a.news == nil {
		a.news = map[string]bool{}
	}
	a.byKey, a.news[domain] = nil, true
}

// learned says that groups would answer something else than it did.
func (a *aliases) learned() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.news) > 0
}

// fresh says that it would for one domain.
func (a *aliases) fresh(domain string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.news[domain]
}

// keep forgets all but these domains.
func (a *aliases) keep(domains []string) {
	has := make(map[string]bool, len(domains))
	for _, d := range domains {
		has[d] = true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for d := range a.keys {
		if !has[d] {
			delete(a.keys, d)
			a.changes(d)
		}
	}
}

const (
	aliasesAgain  = 10 * time.Minute // servers of domains change rarely; mail for a domain brings the news at once
	aliasesAtOnce = 16               // lookups
)

// runAliases looks up who serves the domains that have rows, until ctx ends.
func (e *Engine) runAliases(ctx context.Context) {
	tick := time.NewTicker(aliasesAgain)
	defer tick.Stop()
	for {
		var domains []string
		if e.o.Sink == nil {
			domains = e.o.Settings().LimitedDomains()
		}
		e.aliases.keep(domains)
		e.lookupAliases(ctx, domains)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-e.aliases.changed:
		}
	}
}

func (e *Engine) lookupAliases(ctx context.Context, domains []string) {
	var wg sync.WaitGroup
	places := make(chan struct{}, aliasesAtOnce)
	for _, d := range domains {
		places <- struct{}{}
		if ctx.Err() != nil || e.ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			if route, err := e.find(d); err == nil {
				e.aliases.learn(d, route.Identity())
			}
			<-places
		})
	}
	wg.Wait()
}
