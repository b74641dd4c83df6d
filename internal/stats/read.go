package stats

import (
	"net/netip"
	"time"
)

// Selection says whose numbers are meant: those of one own address, domain or tag, or (zero) all.
type Selection struct {
	Source netip.Addr
	Domain string
	Tag    string
}

// Span is a length of time.
type Span uint8

// The spans: 60 seconds, 60 minutes, 144 times ten minutes.
const (
	Minute Span = iota
	Hour
	Day
)

// History is the points of a span, oldest first.
type History struct {
	Start  time.Time
	Step   time.Duration
	Points []Point
}

// Row is the counts of one name.
type Row[K comparable] struct {
	Name K
	Counts
}

// Counts are those of the last 60 seconds.
func (b *Board) Counts(s Selection, now time.Time) Counts {
	b.mu.Lock()
	defer b.mu.Unlock()
	if found := b.find(s); found != nil {
		return found.sum(secondOf(now))
	}
	return Counts{}
}

// History is false for a span that is not kept: of domains and tags there is the last minute only. It ends with the step of now; asked
// for the second that is over, it leaves out what goes on.
func (b *Board) History(s Selection, span Span, now time.Time) (History, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	found := b.find(s)
	if found == nil {
		if found = newShort(); s.Domain == "" && s.Tag == "" {
			found = newSeries()
		}
	}
	r := found.of(span)
	if r == nil {
		return History{}, false
	}
	found.advance(secondOf(now))
	points, first := r.read(secondOf(now))
	return History{Start: time.Unix(first*r.length, 0).UTC(), Step: time.Duration(r.length) * time.Second, Points: points}, true
}

func (b *Board) find(s Selection) *series {
	switch {
	case s.Domain != "":
		return b.domains.find(s.Domain)
	case s.Tag != "":
		return b.tags.find(s.Tag)
	case s.Source.IsValid():
		return b.sources.find(s.Source)
	}
	return b.all
}

// Sources are the own addresses with counts in the last minute, in no order.
func (b *Board) Sources(now time.Time) []Row[netip.Addr] { return rows(b, b.sources, now) }

// Domains are the domains of recipients, and smarthosts, with counts in the last minute, in no order.
func (b *Board) Domains(now time.Time) []Row[string] { return rows(b, b.domains, now) }

// Tags are those with counts in the last minute, in no order.
func (b *Board) Tags(now time.Time) []Row[string] { return rows(b, b.tags, now) }

func rows[K comparable](b *Board, t *table[K, *series], now time.Time) []Row[K] {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []Row[K]
	for e := t.order.Front(); e != nil; e = e.Next() {
		r := e.Value.(*entry[K, *series])
		if secondOf(now)-r.second > minuteSteps {
			break
		}
		if c := r.value.sum(secondOf(now)); c != (Counts{}) {
			list = append(list, Row[K]{r.name, c})
		}
	}
	return list
}
