package login

import (
	"cmp"
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Guard lets guessers wait before a Checker, and not those whose password is right.
//
// Ten different failures from a network close the door to it for ten minutes; six for an account close it to that account from
// that network for five. An account that is guessed at from many networks is never closed: its tries take turns, one every
// two seconds, and from a network that has logged in before they need no turn. A failure is answered late, by as many seconds as
// there were failures, and forgotten after a minute. A success makes the failures of its account from its network forgotten.
//
// A network that many share, behind a proxy, is never closed: after as many failures its tries take turns. A client that has logged
// in before is a network of its own.
type Guard struct {
	checker  Checker
	secrets  Secrets // nil: it knows none
	log      *slog.Logger
	metrics  *metrics
	seed     maphash.Seed
	most     int // entries of either map
	mu       sync.Mutex
	tallies  map[uint64]*tally
	familiar map[uint64]time.Time // pairs by their last success
	erred    time.Time            // when an error was in the log last
}

// Options of a Guard. The zero value can be used.
type Options struct {
	Door     string // label of the metrics
	Memory   int    // most networks and accounts that are remembered; 0: 50,000 (about 10 MB)
	Log      *slog.Logger
	Registry prometheus.Registerer
}

const patience = 30 * time.Second // for one check, waiting for room included

// NewGuard stands before a checker.
func NewGuard(checker Checker, o Options) *Guard {
	g := &Guard{checker: checker, log: cmp.Or(o.Log, slog.Default()), metrics: newMetrics(o.Registry, o.Door), seed: maphash.MakeSeed(),
		most: cmp.Or(o.Memory, 50_000), tallies: map[uint64]*tally{}, familiar: map[uint64]time.Time{}}
	g.secrets, _ = checker.(Secrets)
	return g
}

// HasSecrets says that a Try may have an Answer.
func (g *Guard) HasSecrets() bool { return g.secrets != nil }

// Check says whether a try is right. With ErrBlocked and ErrLater it was not looked at; with any other error it could not be said.
// What is wrong is told only after some seconds.
func (g *Guard) Check(ctx context.Context, t Try) (ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	k := g.keysOf(&t)
	scopes, err := g.enter(ctx, k)
	if err != nil {
		g.metrics.tries.WithLabelValues("turned away").Inc()
		return false, err
	}
	defer g.leave(scopes)
	ok, err = g.ask(ctx, &t)
	switch {
	case err != nil:
		g.metrics.tries.WithLabelValues("error").Inc()
		if !errors.Is(err, context.Canceled) {
			g.tellError(err)
		}
	case ok:
		g.metrics.tries.WithLabelValues("right").Inc()
		g.succeed(k)
	default:
		g.metrics.tries.WithLabelValues("wrong").Inc()
		_ = sleep(ctx, g.fail(scopes, k, &t)) // in its place, so that more tries at the same time do not help
	}
	return ok, err
}

func (g *Guard) ask(ctx context.Context, t *Try) (bool, error) {
	if t.Answer == nil {
		if !usable(t.User, t.Password) {
			return false, nil
		}
		return g.checker.Check(ctx, t.User, t.Password)
	}
	if g.secrets == nil {
		return false, nil
	}
	secret, known := g.secrets.Secret(t.User)
	right := t.Answer(secret)
	return known && right && secret != "", nil
}

// enter waits until there is room in all scopes of a try, and returns those it is counted in.
func (g *Guard) enter(ctx context.Context, k keys) ([]scoped, error) {
	for {
		e := g.tryEnter(k)
		switch {
		case e.err != nil:
			return nil, e.err
		case e.full == nil && sleep(ctx, e.wait):
			return e.scopes, nil
		case e.full == nil:
			g.leave(e.scopes)
			return nil, ErrLater
		}
		select {
		case <-e.full:
		case <-ctx.Done():
			return nil, ErrLater
		}
	}
}

type scoped struct {
	scope
	hash   uint64
	shared bool
	*tally
}

// rule is what holds in a scope.
func (s *scoped) rule() rule {
	r := rules[s.scope]
	if s.shared {
		r.block = 0
	}
	return r
}

// entry is the outcome of one attempt to enter: an error, or something to wait for before the next one, or the scopes and for how
// long to wait now that it has entered.
type entry struct {
	err    error
	full   <-chan struct{}
	wait   time.Duration
	scopes []scoped
}

func (g *Guard) tryEnter(k keys) (e entry) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	_, familiar := g.familiar[k.scopes[ofPair]]
	familiar = familiar && !k.shared || k.known
	for s, hash := range k.scopes {
		if scope(s) != ofAccount || !familiar {
			e.scopes = append(e.scopes, scoped{scope(s), hash, k.shared, g.tally(hash, now)})
			e.scopes[s].running++
		}
	}
	if e.decide(now); e.err != nil || e.full != nil {
		g.release(e.scopes, now)
	}
	return e
}

// decide says whether a try that is counted as running already may run.
func (e *entry) decide(now time.Time) {
	for _, s := range e.scopes {
		switch {
		case !s.blocked.After(now):
		case s.scope == ofNetwork:
			e.err = ErrBlocked
			return
		default:
			e.err = ErrLater
			return
		}
	}
	for _, s := range e.scopes {
		switch r := rules[s.scope]; {
		case s.scope == ofAccount && r.reached(s.failures):
			e.wait, e.err = s.takeTurn(now, e.scopes[ofPair].failures > 0)
		case !s.room(r.most):
			e.full = s.wake()
			return
		}
	}
}

// takeTurn says how long to wait for the next turn of an account, or of a network. Who has failed before does not stand in the way of others.
func (t *tally) takeTurn(now time.Time, failed bool) (time.Duration, error) {
	wait := max(0, t.next.Sub(now))
	if wait > longest || wait > 0 && failed {
		return 0, ErrLater
	}
	t.next = now.Add(wait + turn)
	return wait, nil
}

// leave makes room for those who wait.
func (g *Guard) leave(scopes []scoped) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range scopes {
		s.free()
	}
	g.release(scopes, time.Now())
}

// release forgets the tallies that say nothing any more.
func (g *Guard) release(scopes []scoped, now time.Time) {
	for _, s := range scopes {
		if s.running--; s.running == 0 && !s.idle().After(now) {
			delete(g.tallies, s.hash)
		}
	}
}

// succeed makes the failures of this account from this network forgotten, and no others: who has one account must not be able to
// wash away what they guessed at others.
func (g *Guard) succeed(k keys) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	pair := g.tally(k.scopes[ofPair], now)
	for _, s := range []scope{ofNetwork, ofAccount} {
		if t := g.tallies[k.scopes[s]]; t != nil {
			t.fade(now)
			t.failures = max(0, t.failures-pair.told)
		}
	}
	pair.failures, pair.told = 0, 0
	makeRoom(g.familiar, g.most, func(at time.Time) time.Time { return at })
	g.familiar[k.scopes[ofPair]] = now
}

// fail counts a failure and says how late it is answered.
func (g *Guard) fail(scopes []scoped, k keys, t *Try) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	for _, s := range scopes {
		s.fade(now)
	}
	net, pair := scopes[ofNetwork], scopes[ofPair]
	again := k.try != 0 && net.repeated(k.try)
	if pair.failures == 0 {
		g.log.Warn("login failed", "from", t.From.String(), "user", t.User[:min(len(t.User), 100)])
	}
	if !again {
		pair.told++
	}
	for _, s := range scopes {
		if s.scope == ofPair || !again {
			g.count(s, now, t)
		}
	}
	return time.Duration(min(max(net.failures, pair.failures, 1), 8) * float64(time.Second))
}

// count adds a failure to a scope, and tells once that it was one too many.
func (g *Guard) count(s scoped, now time.Time, t *Try) {
	before, r := s.failures, s.rule()
	s.failures++
	if r.reached(before) || !r.reached(s.failures) {
		return
	}
	s.blocked = now.Add(r.block)
	g.metrics.blocks.WithLabelValues(scopeNames[s.scope]).Inc()
	from, user := network(t.From).String(), t.User[:min(len(t.User), 100)]
	switch {
	case s.shared:
		g.log.Warn("too many failed logins from behind a proxy: tries from there take turns", "network", from, "user", user)
	case s.scope == ofNetwork:
		g.log.Warn("too many failed logins: nobody from this network can log in for a while", "network", from, "minutes", r.block.Minutes())
	case s.scope == ofPair:
		g.log.Warn("too many failed logins: this account cannot be used from this network for a while", "network", from, "user", user,
			"minutes", r.block.Minutes())
	default:
		g.log.Warn("too many failed logins from several networks: tries for this account take turns", "user", user)
	}
}

// tally finds the tally of a scope, as it is now.
func (g *Guard) tally(hash uint64, now time.Time) *tally {
	t := g.tallies[hash]
	if t == nil {
		makeRoom(g.tallies, g.most, func(t *tally) time.Time {
			if t.running > 0 {
				return now.Add(24 * time.Hour)
			}
			return t.idle()
		})
		t = &tally{at: now}
		g.tallies[hash] = t
	}
	t.fade(now)
	return t
}

// makeRoom forgets an entry when there are as many as there may be: of some, which chance takes, the one with the least worth.
func makeRoom[V any](entries map[uint64]V, most int, worth func(V) time.Time) {
	if len(entries) < most {
		return
	}
	n, worst := 0, uint64(0)
	var least time.Time
	for hash, v := range entries {
		if w := worth(v); n == 0 || w.Before(least) {
			worst, least = hash, w
		}
		if n++; n == 16 {
			break
		}
	}
	delete(entries, worst)
}

// tellError tells that nothing can be said about logins, once a minute.
func (g *Guard) tellError(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Since(g.erred) < time.Minute {
		return
	}
	g.erred = time.Now()
	g.log.Error("logins cannot be checked; clients are told to try again later", "error", err)
}

// sleep says whether it slept to the end.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
