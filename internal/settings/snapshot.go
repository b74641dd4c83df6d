package settings

import (
	"net/netip"
	"slices"
	"time"
)

// Snapshot is the settings at one moment. It never changes, and any number of goroutines may read it. Domains are given in lower
// case and as A-labels, as mail.Address.ASCIIDomain has them; an IPv4 address that is written as IPv6 is the plain one.
type Snapshot struct {
	*contents
	version  uint64
	pauses   pauses
	expiries []time.Time // of pauses and delegates, in order
}

// Empty is a snapshot without rows: the built-in defaults and nothing else.
func Empty() *Snapshot { return newSnapshot(newContents(nil, 0), 0, nil, time.Time{}) }

// newSnapshot joins what stands in the database and the pauses in memory, without those pauses that have ended.
func newSnapshot(c *contents, version uint64, memory []Pause, now time.Time) *Snapshot {
	all := slices.DeleteFunc(slices.Concat(c.paused, memory), func(p Pause) bool { return p.over(now) })
	s := &Snapshot{contents: c, version: version, pauses: newPauses(all)}
	for _, p := range all {
		if p.Expire.After(now) {
			s.expiries = append(s.expiries, p.Expire)
		}
	}
	for _, rows := range c.delegates {
		for _, d := range rows {
			if d.expire.After(now) {
				s.expiries = append(s.expiries, d.expire)
			}
		}
	}
	slices.SortFunc(s.expiries, time.Time.Compare)
	return s
}

// Target is an address that stands in the table dns in place of a lookup.
type Target struct {
	Addr     netip.Addr
	Priority int // lowest first, equal ones are alternatives
}

// Version differs from snapshot to snapshot of one Cache.
func (s *Snapshot) Version() uint64 { return s.version }

// Limits are those for one of our addresses (zero: one that no row names) and the domains of a group that have rows of their own
// (LimitedDomains). Per field the most specific row counts that sets it: the pair, the domain, the address, everything, the
// built-in value. Several domains: the value that is easier on the receiver, where their own rows say anything. Then the
// reductions of the flood rows that hold now replace what they name. Ids that are not there (any more) do nothing.
func (s *Snapshot) Limits(source netip.Addr, domains []string, floods []int64) Limits {
	v := s.capacity.resolve(source, domains, floods, nil)
	return v.limits()
}

// ExplainLimits is Limits for people: every field, in a fixed order, and the row that it comes from.
func (s *Snapshot) ExplainLimits(source netip.Addr, domains []string, floods []int64) []LimitField {
	var from origins
	v := s.capacity.resolve(source, domains, floods, &from)
	list := make([]LimitField, len(v))
	for i, n := range v {
		list[i] = LimitField{Name: fields[i].column, Value: fields[i].text(n), From: from[i].String()}
	}
	return list
}

// Security is the demand for TLS of exactly this domain: unlike limits it is not shared in a group.
func (s *Snapshot) Security(source netip.Addr, domain string) Security {
	return s.capacity.security(source, domain)
}

// LimitedDomains are those with a capacity row of their own, sorted. Callers leave the list as it is.
func (s *Snapshot) LimitedDomains() []string { return s.capacity.domains }

// HasLimits says that a domain has a capacity row of its own.
func (s *Snapshot) HasLimits(domain string) bool { return s.capacity.known[domain] }

// Floods are the rows of flood_responses whose pattern matches the answer of a failed delivery, in the order of their ids. Code 0 and
// an empty status: there was none. Only the first 4096 bytes of the description are looked at.
func (s *Snapshot) Floods(description string, code int, status string) []Flood {
	return s.floods.match(description, code, status)
}

// Paused is the pause without remote address that stops deliveries from source to domain with these tags: first those that name
// no tag, the widest first, then those of each tag in turn. It allocates nothing.
func (s *Snapshot) Paused(source netip.Addr, domain string, tags []string, now time.Time) (Pause, bool) {
	return s.pauses.paused(hold{source: source.Unmap(), domain: domain}, tags, now)
}

// PausedRemotes are the remote addresses that are paused for a source and tags, sorted; mostly nil, and then nothing is allocated.
func (s *Snapshot) PausedRemotes(source netip.Addr, tags []string, now time.Time) []netip.Addr {
	return s.pauses.remotesOf(source.Unmap(), tags, now)
}

// HasTagPauses says that some pause names a tag.
func (s *Snapshot) HasTagPauses() bool { return s.pauses.tagged }

// Pauses are all that had not ended when the snapshot was made: rows by id, then those in memory.
func (s *Snapshot) Pauses() []Pause { return slices.Clone(s.pauses.all) }

// NextExpiry is the next end of a pause or a delegate after now; zero: none.
func (s *Snapshot) NextExpiry(now time.Time) time.Time {
	i, _ := slices.BinarySearchFunc(s.expiries, now, func(t, now time.Time) int {
		if t.After(now) {
			return 1
		}
		return -1
	})
	if i == len(s.expiries) {
		return time.Time{}
	}
	return s.expiries[i]
}

// Delegate is the address to send from in place of source, and the row that says so. It is applied once: what it gives is not
// looked up again.
func (s *Snapshot) Delegate(source netip.Addr, domain string, now time.Time) (to netip.Addr, id int64, ok bool) {
	d, ok := s.delegates.find(source.Unmap(), domain, now)
	return d.to, d.id, ok
}

// Name is what one of our addresses says in EHLO, a valid host name in ASCII; empty: its reverse DNS.
func (s *Snapshot) Name(source netip.Addr) string { return s.names[source.Unmap()] }

// Override are the addresses that replace all lookups for a domain, lowest priority first, each once; nil: none. Callers leave the
// list as it is.
func (s *Snapshot) Override(domain string) []Target { return s.targets[domain] }
