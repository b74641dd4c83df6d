// Package stats counts what happens to mail, for people who look at it: attempts and their outcomes over the last minute and the
// last hours, in all, per own address, per domain and per tag, and the last answers of each domain (console.md section 2).
//
// A Board is told of every attempt and connection, and once a second of numbers that go up and down ([Gauges]). It opens nothing,
// starts nothing and reads no clock: times come with what it is told. It may be used by many goroutines; what is told costs less
// than a microsecond and allocates nothing once its names are known.
//
// Everything is bounded: as many names as Options say, the least lately used goes first; what has no name counts in all only.
package stats

import (
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Options of a Board. Zero values can be used.
type Options struct {
	Sources int // own addresses; 0: 1000
	Domains int // 0: 5000
	Tags    int // 0: 1000
	Answers int // domains whose last answers are kept; 0: 1000
}

// What counts of the tags of a message: who writes it may give it any.
const (
	maxTags = 20
	maxName = 255 // bytes
)

// Board counts.
type Board struct {
	mu      sync.Mutex
	all     *series
	sources *table[netip.Addr, *series]
	domains *table[string, *series]
	tags    *table[string, *series]
	answers *table[string, *replies]
}

// New makes a Board without counts.
func New(o Options) *Board {
	return &Board{
		all:     newSeries(),
		sources: newTable(most(o.Sources, 1000), newSeries, func(a netip.Addr) netip.Addr { return a }),
		domains: newTable(most(o.Domains, 5000), newShort, strings.Clone),
		tags:    newTable(most(o.Tags, 1000), newShort, strings.Clone),
		answers: newTable(most(o.Answers, 1000), newReplies, strings.Clone),
	}
}

func most(n, usual int) int {
	if n <= 0 {
		return usual
	}
	return n
}

// Outcome is what an attempt came to.
type Outcome uint8

// The outcomes.
const (
	Delivered Outcome = iota // accepted
	Refused                  // by an answer of the server
	Strange                  // a timeout, a lost connection, an invalid answer
	NotTried                 // there was no connection for it
)

// Attempt is one attempt, or one result that came about without.
type Attempt struct {
	Time    time.Time
	Source  netip.Addr // own address; zero: none
	Domain  string     // of the recipient, or the smarthost
	Tags    []string
	Outcome Outcome
	Reused  bool // the connection had carried other messages before

	// The answer, for those that were not delivered.
	State, Result, Status, Text string
	Code                        int
	Recipient                   string
}

// secondOf counts from 1970 on; before it there is no time.
func secondOf(t time.Time) int64 { return max(0, t.Unix()) }

// Attempted counts an attempt.
func (b *Board) Attempted(a *Attempt) {
	second := secondOf(a.Time)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.each(a.Source, a.Domain, a.Tags, second, func(c *Counts) { c.count(a) })
	if a.Outcome != Delivered && a.Domain != "" {
		b.answers.get(a.Domain, second).add(a)
	}
}

// Connected counts a connection that was tried.
func (b *Board) Connected(at time.Time, source netip.Addr, domain string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.each(source, domain, nil, secondOf(at), func(c *Counts) { c.Connects++ })
}

// each counts wherever something belongs.
func (b *Board) each(source netip.Addr, domain string, tags []string, second int64, count func(*Counts)) {
	count(b.all.at(second))
	if source.IsValid() {
		count(b.sources.get(source, second).at(second))
	}
	if domain != "" {
		count(b.domains.get(domain, second).at(second))
	}
	for _, tag := range tags[:min(len(tags), maxTags)] {
		if len(tag) <= maxName {
			count(b.tags.get(tag, second).at(second))
		}
	}
}

// Sample notes the numbers of this moment, in all and per own address. It is to be called once a second.
func (b *Board) Sample(at time.Time, all Gauges, sources map[netip.Addr]Gauges) {
	second := secondOf(at)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all.sample(second, all)
	for source, g := range sources {
		b.sources.get(source, second).sample(second, g)
	}
}
