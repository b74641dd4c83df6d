package schedule

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"posthoorn/internal/settings"
)

func randomCounts(r *rand.Rand) settings.Counts {
	some := func(n ...int) int { return n[r.IntN(len(n))] }
	return settings.Counts{
		Messages: some(0, 0, 0, 30, 600, 60000), Connects: some(0, 0, 60, 600), Bytes: int64(some(0, 0, 60_000, 10_000_000)),
		Connections: some(0, 1, 2, 10), Starting: some(0, 1, 1, 3), Idle: some(0, 1, 5),
	}
}

func randomLimits(r *rand.Rand) settings.Limits {
	some := func(n ...int) int { return n[r.IntN(len(n))] }
	if r.IntN(4) == 0 {
		return settings.Defaults()
	}
	return settings.Limits{
		Domain: randomCounts(r), Remote: randomCounts(r), ConnMessages: some(0, 1, 5, 100), ConnBytes: int64(some(0, 0, 20_000)),
		MinMessages: some(0, 0, 3), Memory: some(0, 0, 3, 100), MemoryFirst: some(0, 0, 2, 50), MemoryRetries: some(0, 0, 2),
		IdleTime: time.Duration(some(0, 1, 30)) * time.Second, Spread: some(0, 1) == 1,
	}
}

// slower is limits that a flood pattern might set.
func slower(r *rand.Rand) settings.Limits {
	l := settings.Limits{Domain: randomCounts(r), Remote: randomCounts(r)}
	l.Domain.Messages, l.Remote.Bytes = 20, 120_000
	return l
}

// Random traffic against simple truths: no limit and no rate is exceeded, every item ends once, nobody starves.
func TestRandomWorlds(t *testing.T) {
	base := rand.Uint64()
	n := 60
	if testing.Short() {
		n = 15
	}
	for i := range n {
		seed := base + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) { randomWorld(t, seed) })
	}
}

func randomWorld(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 2))
	s := newSim(t, seed, fixed{}, []int{0, 100}[r.IntN(2)])
	s.strict = true
	s.backRate, s.dropRate = []float64{0, 0, 0.05}[r.IntN(3)], []float64{0, 0.02, 0.2}[r.IntN(3)]
	groups := 1 + r.IntN(8)
	sites := groups + r.IntN(8)
	for i := range sites {
		s.hosts[fmt.Sprintf("s%d.test", i)] = randomHost(r, i%groups, groups, s)
	}
	s.reload(randomSnapshot(r, groups, false))
	s.T.Logf("total %d, back %v, drop %v, %d groups, %d sites", s.snap.total, s.backRate, s.dropRate, groups, sites)
	for range r.IntN(6) {
		s.after(time.Duration(r.IntN(30_000))*time.Millisecond, func() { s.reload(randomSnapshot(r, groups, true)) })
	}
	s.after(30*time.Second, func() { s.reload(randomSnapshot(r, groups, false)) })
	sources := []netip.Addr{src1, src2, netip.MustParseAddr("192.0.2.3")}
	classes := []Class{{}, {Security: "verify"}, {Tags: "bulk"}}
	burst := 1 + r.IntN(20)
	for i := range 600 {
		site := fmt.Sprintf("s%d.test", r.IntN(sites))
		pool := s.pools.Of(sources[:1+r.IntN(len(sources))]...)
		class := classes[max(r.IntN(12)-9, 0)]
		priority := uint8(r.IntN(10) / 9)
		s.after(time.Duration(i/burst)*time.Duration(burst)*10*time.Millisecond, func() { s.send(site, pool, class, priority) })
		if r.IntN(30) == 0 {
			s.after(time.Duration(r.IntN(10000))*time.Millisecond, func() { s.remove(uint64(r.IntN(600))) })
		}
		if r.IntN(200) == 0 {
			s.after(time.Duration(r.IntN(20000))*time.Millisecond, func() { s.operate(site) })
		}
	}
	for at := time.Second; at < 24*time.Hour; at += at/4 + time.Second {
		s.run(epoch.Add(at))
		s.verify()
		if s.Failed() {
			return
		}
	}
	s.watch.finish()
	t.Logf("last done after %v, %d parks (%v), %v", s.finish.Sub(epoch), s.parks, s.reasons, s.ends)
	if len(s.items) > 0 || s.ends["done"]+s.ends["failed"]+s.ends["removed"] != int(s.nextID) {
		for name := range s.hosts {
			x, _ := s.p.Explain(s.now, name)
			t.Logf("%s %+v: %+v", name, s.hosts[name], x.Waits)
		}
		t.Errorf("ends %v, %+v", s.ends, s.p.Totals())
	}
	if n := s.p.Totals(); n.Sites+n.Groups+n.Connections != 0 {
		t.Errorf("left behind: %+v", n)
	}
	// Each flood may send to the local queue what memory holds.
	if limit := 10*int(s.nextID) + 200*s.watch.matches; s.parks > limit {
		t.Errorf("%d parks for %d items", s.parks, s.nextID)
	}
}

// randomHost is a receiver; those of one group have the same addresses.
func randomHost(r *rand.Rand, g, groups int, s *sim) *host {
	addrs := []netip.Addr{hostAddr(g, 0), hostAddr(g, 1), hostAddr(g, 2)}[:1+g%3]
	h := &host{
		group: fmt.Sprint("g", g), key: fmt.Sprint("key", g), addr: addrs[0], more: addrs[1:],
		dial: time.Duration(1+r.IntN(200)) * time.Millisecond, service: time.Duration(1+r.IntN(500)) * time.Millisecond,
	}
	switch r.IntN(14) {
	case 0:
		h.dead = true
	case 1:
		h.noDNS = true
	case 2:
		h.session = 1 + r.IntN(5)
	case 3:
		h.maxConns = 1 + r.IntN(3)
	case 4:
		h.deaf = addrs[len(addrs)-1:]
	case 5, 6:
		h.flooding = 0.05
		h.floods = []settings.Flood{
			{ID: 1, Pause: time.Duration(r.IntN(40)) * time.Second},
			{ID: 2, Pause: time.Duration(r.IntN(3)) * time.Second, Reduced: time.Minute},
		}
	}
	return h
}

func hostAddr(group, i int) netip.Addr {
	return netip.AddrFrom4([4]byte{198, 51, byte(100 + i), byte(group)})
}

// randomSnapshot has limits for all groups, and pauses some remote addresses.
func randomSnapshot(r *rand.Rand, groups int, pauses bool) fixed {
	f := fixed{
		keys: map[string]settings.Limits{}, floods: map[int64]settings.Limits{2: slower(r)}, total: []int{0, 0, 3, 10, 50}[r.IntN(5)],
		tagged: map[string][]netip.Addr{},
	}
	for g := range groups {
		f.keys[fmt.Sprint("key", g)] = randomLimits(r)
		if pauses && r.IntN(3) == 0 {
			f.paused = append(f.paused, hostAddr(g, r.IntN(3)))
		}
		if pauses && r.IntN(5) == 0 {
			f.tagged["bulk"] = append(f.tagged["bulk"], hostAddr(g, r.IntN(2)))
		}
	}
	return f
}

// operate is something that an operator may do at any time.
func (s *sim) operate(site string) {
	switch s.rnd.IntN(4) {
	case 0:
		s.p.Calm(s.now, func(netip.Addr, string, string) bool { return true })
		clear(s.watch.floods)
		s.watch.regime()
	case 1:
		s.p.Retire(s.now, func(source netip.Addr) bool { return source == src1 })
	case 2:
		s.p.Forget(s.now, site)
	case 3:
		s.p.Expedite(s.now, site)
	}
}
