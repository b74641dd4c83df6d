package settings

import (
	"net/netip"
	"slices"
	"time"
)

// Pause holds deliveries back (delivery-control.md section 3). All parts that are given must match; zero fields are all.
type Pause struct {
	ID     int64      `json:"id,omitempty"` // of the row
	Source netip.Addr `json:"source,omitzero"`
	Domain string     `json:"domain,omitempty"` // lower case, A-labels
	Remote netip.Addr `json:"remote,omitzero"`  // never with a domain
	Tag    string     `json:"tag,omitempty"`
	Expire time.Time  `json:"expire,omitzero"`
	Memory bool       `json:"memory,omitempty"` // not in the database; then Who has made it, and Since when it holds
	Who    string     `json:"who,omitempty"`
	Since  time.Time  `json:"since,omitzero"`
}

// Equal says that both stop the same deliveries; when they end does not matter.
func (p Pause) Equal(q Pause) bool { return p.hold() == q.hold() }

// hasPause says that a row is this pause.
func (c *contents) hasPause(p Pause) bool {
	return slices.ContainsFunc(c.paused, func(q Pause) bool { return q.Equal(p) && q.Expire.Equal(p.Expire) })
}

// over says that the pause has ended.
func (p Pause) over(now time.Time) bool { return !p.Expire.IsZero() && !now.Before(p.Expire) }

// outlasts says that p ends after q.
func (p Pause) outlasts(q Pause) bool {
	return !q.Expire.IsZero() && (p.Expire.IsZero() || p.Expire.After(q.Expire))
}

// hold is what a pause stops.
type hold struct {
	source netip.Addr
	remote netip.Addr
	domain string
	tag    string
}

func (p Pause) hold() hold { return hold{p.Source, p.Remote, p.Domain, p.Tag} }

// shape is the set of parts that a pause names.
type shape uint8

const (
	bySource shape = 1 << iota
	byDomain
	byTag
	byRemote
	numShapes
)

func (h hold) shape() (s shape) {
	if h.source.IsValid() {
		s |= bySource
	}
	if h.domain != "" {
		s |= byDomain
	}
	if h.tag != "" {
		s |= byTag
	}
	if h.remote.IsValid() {
		s |= byRemote
	}
	return s
}

// pauses finds a pause by what it stops. Of those for the same the one that lasts longest counts.
type pauses struct {
	all     []Pause
	shapes  [numShapes]bool
	holds   map[hold]Pause
	remotes map[hold][]Pause // without the remote address in the key
	tagged  bool
}

func newPauses(all []Pause) pauses {
	p := pauses{all: all, holds: map[hold]Pause{}, remotes: map[hold][]Pause{}}
	for _, one := range all {
		key := one.hold()
		p.shapes[key.shape()] = true
		p.tagged = p.tagged || one.Tag != ""
		if old, ok := p.holds[key]; !ok || one.outlasts(old) {
			p.holds[key] = one
		}
	}
	for key, one := range p.holds {
		if key.remote.IsValid() {
			delete(p.holds, key)
			key.remote = netip.Addr{}
			p.remotes[key] = append(p.remotes[key], one)
		}
	}
	return p
}

// plainShapes are those without tag and remote address, the widest first: a pause of everything makes all others moot.
var plainShapes = [...]shape{0, bySource, byDomain, bySource | byDomain}

// paused looks for pauses without tag, then for those of each tag.
func (p *pauses) paused(key hold, tags []string, now time.Time) (Pause, bool) {
	if len(p.holds) == 0 {
		return Pause{}, false
	}
	if one, ok := p.find(key, now); ok || !p.tagged {
		return one, ok
	}
	for _, key.tag = range tags {
		if key.tag == "" {
			continue
		}
		if one, ok := p.find(key, now); ok {
			return one, true
		}
	}
	return Pause{}, false
}

// find tries the shapes that exist, with the tag of the key.
func (p *pauses) find(key hold, now time.Time) (Pause, bool) {
	tag := shape(0)
	if key.tag != "" {
		tag = byTag
	}
	for _, s := range plainShapes {
		if !p.shapes[s|tag] {
			continue
		}
		if one, ok := p.holds[key.part(s)]; ok && !one.over(now) {
			return one, true
		}
	}
	return Pause{}, false
}

// part is the key with only those of source and domain that a shape has.
func (h hold) part(s shape) hold {
	if s&bySource == 0 {
		h.source = netip.Addr{}
	}
	if s&byDomain == 0 {
		h.domain = ""
	}
	return h
}

// remotesOf lists the remote addresses that are paused for a source and tags, each once, in order.
func (p *pauses) remotesOf(source netip.Addr, tags []string, now time.Time) (found []netip.Addr) {
	if len(p.remotes) == 0 {
		return nil
	}
	found = p.appendRemotes(found, hold{source: source}, now)
	for _, tag := range tags {
		if tag != "" {
			found = p.appendRemotes(found, hold{source: source, tag: tag}, now)
		}
	}
	slices.SortFunc(found, netip.Addr.Compare)
	return slices.Compact(found)
}

func (p *pauses) appendRemotes(found []netip.Addr, key hold, now time.Time) []netip.Addr {
	found = p.appendOf(found, key.part(0), now)
	if key.source.IsValid() {
		found = p.appendOf(found, key, now)
	}
	return found
}

func (p *pauses) appendOf(found []netip.Addr, key hold, now time.Time) []netip.Addr {
	for _, one := range p.remotes[key] {
		if !one.over(now) {
			found = append(found, one.Remote)
		}
	}
	return found
}
