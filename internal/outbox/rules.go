package outbox

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"posthoorn/internal/schedule"
	"posthoorn/internal/settings"
)

// rules are the settings of one moment as the plan asks for them; part of schedule.Snapshot.
type rules struct {
	s       *settings.Snapshot
	groups  map[string][]string // domains with rows of their own, by the limits key of the group that serves them
	remotes map[string]bool     // tags that pauses of remote addresses name
	tagged  map[string][]string // domains that pauses with a tag name, by the tag; empty: all of them
	total   int
	at      time.Time
}

// newRules takes down what holds now.
func (e *Engine) newRules(now time.Time) *rules {
	r := &rules{s: e.o.Settings(), groups: e.aliases.groups(), at: now}
	if e.o.Total != nil {
		r.total = e.o.Total()
	}
	if !r.s.HasTagPauses() {
		return r
	}
	r.remotes, r.tagged = map[string]bool{}, map[string][]string{}
	for _, p := range r.s.Pauses() {
		if p.Tag == "" {
			continue
		}
		r.tagged[p.Tag] = append(r.tagged[p.Tag], p.Domain)
		if p.Remote.IsValid() {
			r.remotes[p.Tag] = true
		}
	}
	return r
}

// maxHeld bounds how many tags the name of a place in the local queue has.
const maxHeld = 16

// hold names the tags of a message that pauses for its domain name, whichever addresses these close: where such mail waits, none
// waits that they do not concern. Older versions wrote one tag at most.
func (r *rules) hold(all []string, domain string) string {
	if len(r.tagged) == 0 {
		return ""
	}
	var list []string
	for _, t := range all {
		if d := r.tagged[t]; (slices.Contains(d, "") || slices.Contains(d, domain)) && !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	slices.Sort(list)
	return strings.Join(list[:min(len(list), maxHeld)], holdSeparator)
}

// holdSeparator stands between the tags that hold a place; they may contain spaces and commas.
const holdSeparator = "\n"

// shownHold is a hold for people.
func shownHold(hold string) string { return strings.ReplaceAll(hold, holdSeparator, ", ") }

// tagsOf are the tags that hold a place.
func tagsOf(hold string) []string {
	if hold == "" {
		return nil
	}
	return strings.Split(hold, holdSeparator)
}

// domains are those whose rows hold for a group: found by what serves them, else the name that the key is.
func (r *rules) domains(key string) []string {
	if list := r.groups[key]; list != nil || strings.Contains(key, " ") {
		return list
	}
	return []string{key}
}

// Limits is part of schedule.Snapshot.
func (r *rules) Limits(source netip.Addr, key string, floods []int64) settings.Limits {
	return r.s.Limits(source, r.domains(key), floods)
}

// PausedRemotes is part of schedule.Snapshot.
func (r *rules) PausedRemotes(source netip.Addr, c schedule.Class) []netip.Addr {
	var tags []string
	if c.Tags != "" {
		tags = strings.Fields(c.Tags)
	}
	return r.s.PausedRemotes(source, tags, r.at)
}

// TotalConnections is part of schedule.Snapshot.
func (r *rules) TotalConnections() int { return r.total }

// tags are those of a message that decide which remote addresses it may go to.
func (r *rules) tags(all []string) string {
	if len(r.remotes) == 0 {
		return ""
	}
	var list []string
	for _, t := range all {
		if r.remotes[t] && !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// Changed tells the engine that the settings are others now. It is quick, and may be called from anywhere.
func (e *Engine) Changed() {
	e.loop.post(event{kind: evCall, call: e.loop.adopt})
	select {
	case e.aliases.changed <- struct{}{}:
	default:
	}
}

// adopt makes what holds now the truth: for the plan, for the mail in its hands, and for what waits.
func (l *loop) adopt(now time.Time) {
	old, r := l.rules(), l.e.newRules(now)
	l.e.rules.Store(r)
	l.use(now, r)
	if old.s.Version() == r.s.Version() {
		return
	}
	l.plan.Retire(now, func(source netip.Addr) bool { return old.s.Name(source) != r.s.Name(source) })
	l.forget(now, old.s, r.s)
	for _, it := range l.items {
		l.again(now, it)
	}
	l.e.feeder.anew()
}

func (l *loop) use(now time.Time, r *rules) {
	l.total = r.total
	l.plan.Use(now, r)
}

func (l *loop) rules() *rules { return l.e.rules.Load() }

// forget has the servers of those sites looked up anew whose fixed addresses have changed.
func (l *loop) forget(now time.Time, old, s *settings.Snapshot) {
	var changed []string
	for site := range l.plan.Sites() {
		if d := ruleDomain(site); !slices.Equal(old.Override(d), s.Override(d)) {
			changed = append(changed, site)
		}
	}
	for _, site := range changed {
		l.plan.Forget(now, site)
	}
}

// redirect gives an item that the plan does not hold the way that it has now.
func (l *loop) redirect(now time.Time, it *item, w way) {
	if w.paused || w.pool == nil {
		l.e.hand.setLane(it, false)
		l.e.clerk.do(func() { l.e.guard(it, func() { l.e.goWay(it, w, now) }) })
		return
	}
	w.take(it)
	l.plant(now, it)
}

// Calm ends the pauses and reduced limits of flood patterns that a pause names (delivery-control.md section 3: resume). It
// returns how many there were.
func (e *Engine) Calm(of settings.Pause) int {
	n := make(chan int, 1)
	e.loop.post(event{kind: evCall, call: func(now time.Time) {
		n <- e.loop.plan.Calm(now, func(source netip.Addr, _, key string) bool {
			return (!of.Source.IsValid() || of.Source == source) && !of.Remote.IsValid() && of.Tag == "" &&
				(of.Domain == "" || e.loop.serves(of.Domain, key))
		})
	}})
	select {
	case ended := <-n:
		return ended
	case <-e.ctx.Done():
		return 0
	}
}

// serves says that a domain belongs to the group with this key.
func (l *loop) serves(domain, key string) bool {
	if key == domain || slices.Contains(l.rules().domains(key), domain) {
		return true
	}
	x, ok := l.plan.Explain(time.Now(), domain)
	return ok && slices.ContainsFunc(x.Lanes, func(r schedule.LaneReport) bool { return r.Key == key })
}
