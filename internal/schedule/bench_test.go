package schedule

import (
	"fmt"
	"testing"
	"time"

	"posthoorn/internal/settings"
)

// busy is a plan with so many lanes, each with a message in hand or waiting, and so many open connections.
type busy struct {
	p     *Plan
	now   time.Time
	conns []ConnID
	hand  map[ConnID]Item
	pool  *Pool
	next  uint64
}

func newBusySites(b *testing.B, lanes, conns int) *busy {
	b.Helper()
	var pools Pools
	w := &busy{p: New(Options{Lookups: 1 << 20}), now: epoch, pool: pools.Of(src1), hand: map[ConnID]Item{}}
	w.p.Use(w.now, fixed{all: settings.Limits{Domain: settings.Counts{Messages: 60_000_000}}, total: conns})
	for i := range lanes {
		name := fmt.Sprintf("domain%d.example", i)
		w.add(name)
		w.p.Resolved(w.now, name, Route{Targets: []Target{target("198.51.100.1")}})
	}
	for len(w.conns) < conns {
		t := w.p.Todo(w.now)
		if len(t.Dial) == 0 {
			break
		}
		for _, d := range t.Dial {
			w.conns = append(w.conns, d.Conn)
			w.p.Opened(w.now, d.Conn, Opening{})
		}
	}
	if len(w.conns) != conns {
		b.Fatalf("%d connections", len(w.conns))
	}
	for _, c := range w.conns {
		w.hand[c] = w.pull(b, c)
	}
	return w
}

func (w *busy) add(site string) {
	w.next++
	w.p.Add(w.now, Item{ID: w.next, Site: site, Pool: w.pool})
}

// BenchmarkDecisions is the whole trip of an item: Add, Todo, Pull, Done, where all lanes have mail, and the
// connections are at work in turn.
func BenchmarkDecisions(b *testing.B) {
	for _, size := range []struct{ lanes, conns int }{{1, 100}, {1000, 1000}, {50_000, 20_000}} {
		b.Run(fmt.Sprintf("lanes=%d/conns=%d", size.lanes, size.conns), func(b *testing.B) {
			var w *busy
			if size.lanes == 1 {
				w = newBusySite(b, size.conns)
			} else {
				w = newBusySites(b, size.lanes, size.conns)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				c := w.conns[i%len(w.conns)]
				if i%64 == 0 {
					w.now = w.now.Add(time.Microsecond)
				}
				it := w.hand[c]
				w.add(it.Site)
				w.p.Todo(w.now)
				w.p.Done(w.now, c, it.ID, Outcome{Bytes: 1000, Delivered: true})
				w.hand[c] = w.pull(b, c)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "items/s")
		})
	}
}

// newBusySite is a plan with one lane that has grown to so many connections.
func newBusySite(b *testing.B, conns int) *busy {
	b.Helper()
	var pools Pools
	w := &busy{p: New(Options{}), now: epoch, pool: pools.Of(src1), hand: map[ConnID]Item{}}
	w.add("domain.example")
	w.p.Todo(w.now)
	w.p.Resolved(w.now, "domain.example", Route{Targets: []Target{target("198.51.100.1")}})
	for len(w.conns) < conns {
		for range 4 {
			w.add("domain.example")
		}
		for _, d := range w.p.Todo(w.now).Dial {
			w.p.Opened(w.now, d.Conn, Opening{})
			first := w.pull(b, d.Conn)
			w.p.Done(w.now.Add(time.Second/2), d.Conn, first.ID, Outcome{})
			w.add("domain.example")
			w.hand[d.Conn] = w.pull(b, d.Conn)
			w.conns = append(w.conns, d.Conn)
		}
		w.now = w.now.Add(100 * time.Millisecond)
	}
	return w
}

func (w *busy) pull(b *testing.B, c ConnID) Item {
	b.Helper()
	it, ok := w.p.Pull(w.now, c)
	if !ok {
		b.Fatalf("nothing for %d", c)
	}
	return it
}

// everyLimit has all limits, none of which keeps 600 messages a minute from going.
func everyLimit() settings.Limits {
	l := settings.Limits{
		Domain:       settings.Counts{Messages: 600, Connects: 6000, Bytes: 60_000_000, Connections: 10, Starting: 2, Idle: 5},
		ConnMessages: 1 << 40, ConnBytes: 1 << 50, MinMessages: 1, IdleTime: time.Minute,
		Memory: 1000, MemoryFirst: 900, MemoryRetries: 900, Offline: time.Minute,
	}
	l.Remote = l.Domain
	return l
}

// BenchmarkLimits is the whole trip of an item where every destination has all limits and is held up by one of them: it
// waits for the rate, a timer fires, it is handed to the idle connection, ends, and the next one comes.
func BenchmarkLimits(b *testing.B) {
	for _, n := range []int{100, 10_000, 100_000} {
		b.Run(fmt.Sprintf("destinations=%d", n), func(b *testing.B) {
			w := newLimited(b, n)
			b.ReportAllocs()
			b.ResetTimer()
			done := 0
			for done < b.N {
				done += w.turn()
			}
			b.ReportMetric(float64(done)/b.Elapsed().Seconds(), "decisions/s")
		})
	}
}

// newLimited is a plan in which each of so many destinations has a connection that waits for the rate, and mail.
func newLimited(b *testing.B, n int) *busy {
	b.Helper()
	var pools Pools
	w := &busy{p: New(Options{Lookups: 1 << 20}), now: epoch, pool: pools.Of(src1)}
	w.p.Use(w.now, fixed{all: everyLimit()})
	for i := range n {
		w.now = w.now.Add(100 * time.Millisecond / time.Duration(n))
		name := fmt.Sprintf("domain%d.example", i)
		w.add(name)
		w.p.Resolved(w.now, name, Route{Targets: []Target{target("198.51.100.1"), target("198.51.100.2")}})
		for _, d := range w.p.Todo(w.now).Dial {
			w.p.Opened(w.now, d.Conn, Opening{})
			it := w.pull(b, d.Conn)
			w.end(d.Conn, it)
		}
	}
	return w
}

// turn lets time pass until the next message may go, and sends what may.
func (w *busy) turn() int {
	t := w.p.Todo(w.now)
	for _, h := range t.Hand {
		w.end(h.Conn, h.Item)
	}
	if len(t.Hand) == 0 {
		w.now = t.Wake
	}
	return len(t.Hand)
}

func (w *busy) end(c ConnID, it Item) {
	w.p.Done(w.now, c, it.ID, Outcome{Bytes: 1000, Delivered: true})
	w.add(it.Site)
	w.p.Pull(w.now, c)
}
