package schedule

import (
	"fmt"
	"testing"
	"time"
)

// busy is a plan with so many lanes, each with a message in hand or waiting, and so many open connections.
type busy struct {
	p     *Plan
	now   time.Time
	conns []ConnID
	sites []string
	at    map[ConnID]string
	hand  map[ConnID]Item
	pool  *Pool
	next  uint64
}

func newBusy(b *testing.B, lanes, conns int, limits Limits) *busy {
	b.Helper()
	var pools Pools
	w := &busy{p: New(Options{Lookups: 1 << 20}), now: epoch, pool: pools.Of(src1), at: map[ConnID]string{}, hand: map[ConnID]Item{}}
	w.p.Use(w.now, fixed{all: limits, total: conns})
	for i := range lanes {
		name := fmt.Sprintf("domain%d.example", i)
		w.sites = append(w.sites, name)
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
			w.at[d.Conn] = d.Site
			w.p.Opened(w.now, d.Conn, Opening{})
		}
	}
	if len(w.conns) != conns {
		b.Fatalf("%d connections", len(w.conns))
	}
	for _, c := range w.conns {
		it, ok := w.p.Pull(w.now, c)
		if !ok {
			b.Fatal("nothing to pull")
		}
		w.hand[c] = it
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
			w := newBusyLanes(b, size.lanes, size.conns)
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
				next, ok := w.p.Pull(w.now, c)
				if !ok {
					b.Fatalf("nothing for %d", c)
				}
				w.hand[c] = next
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "items/s")
		})
	}
}

func newBusyLanes(b *testing.B, lanes, conns int) *busy {
	if lanes == 1 {
		b.Helper()
		var pools Pools
		w := &busy{p: New(Options{}), now: epoch, pool: pools.Of(src1), at: map[ConnID]string{}, hand: map[ConnID]Item{}}
		w.sites = []string{"domain.example"}
		w.add(w.sites[0])
		w.p.Todo(w.now)
		w.p.Resolved(w.now, w.sites[0], Route{Targets: []Target{target("198.51.100.1")}})
		for len(w.conns) < conns {
			for range 4 {
				w.add(w.sites[0])
			}
			for _, d := range w.p.Todo(w.now).Dial {
				w.p.Opened(w.now, d.Conn, Opening{})
				it, ok := w.p.Pull(w.now, d.Conn)
				if !ok {
					b.Fatal("nothing to pull")
				}
				w.p.Done(w.now.Add(time.Second/2), d.Conn, it.ID, Outcome{})
				w.add(w.sites[0])
				if it, ok = w.p.Pull(w.now, d.Conn); !ok {
					b.Fatal("nothing to pull")
				}
				w.hand[d.Conn] = it
				w.conns = append(w.conns, d.Conn)
			}
			w.now = w.now.Add(100 * time.Millisecond)
		}
		return w
	}
	return newBusy(b, lanes, conns, Limits{MessagesPerMinute: 60_000_000})
}
