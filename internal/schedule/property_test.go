package schedule

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"posthoorn/internal/settings"
)

func randomLimits(r *rand.Rand) settings.Limits {
	some := func(n ...int) int { return n[r.IntN(len(n))] }
	return settings.Limits{Domain: settings.Counts{Connections: some(0, 1, 2, 10), Starting: some(0, 1, 3), Idle: some(0, 1, 5), Messages: some(0, 0, 0, 30, 600, 60000), Connects: some(0, 0, 60, 600), Bytes: int64(some(0, 0, 10_000_000))}, ConnMessages: some(0, 1, 5, 100), ConnBytes: int64(some(0, 0, 20_000)), MinMessages: some(0, 0, 3), Memory: some(0, 0, 3, 100), IdleTime: time.Duration(some(0, 1, 30)) * time.Second}
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
	snap := fixed{keys: map[string]settings.Limits{}, total: []int{0, 0, 3, 10, 50}[r.IntN(5)]}
	s := newSim(t, seed, snap, []int{0, 100}[r.IntN(2)])
	s.backRate, s.dropRate = []float64{0, 0, 0.05}[r.IntN(3)], []float64{0, 0.02, 0.2}[r.IntN(3)]
	groups := 1 + r.IntN(8)
	for g := range groups {
		key := fmt.Sprint("key", g)
		snap.keys[key] = randomLimits(r)
	}
	sites := groups + r.IntN(8)
	for i := range sites {
		g := i % groups
		h := &host{
			group: fmt.Sprint("g", g), key: fmt.Sprint("key", g), addr: netip.AddrFrom4([4]byte{198, 51, 100, byte(g)}),
			dial: time.Duration(1+r.IntN(200)) * time.Millisecond, service: time.Duration(1+r.IntN(500)) * time.Millisecond,
		}
		switch r.IntN(12) {
		case 0:
			h.dead = true
		case 1:
			h.noDNS = true
		case 2:
			h.session = 1 + r.IntN(5)
		case 3:
			h.maxConns = 1 + r.IntN(3)
		}
		s.hosts[fmt.Sprintf("s%d.test", i)] = h
	}
	s.T.Logf("total %d, back %v, drop %v, %d groups, %d sites", snap.total, s.backRate, s.dropRate, groups, sites)
	sources := []netip.Addr{src1, src2, netip.MustParseAddr("192.0.2.3")}
	classes := []Class{{}, {Security: "verify"}}
	burst := 1 + r.IntN(20)
	for i := range 600 {
		site := fmt.Sprintf("s%d.test", r.IntN(sites))
		pool := s.pools.Of(sources[:1+r.IntN(len(sources))]...)
		class := classes[r.IntN(10)/9]
		priority := uint8(r.IntN(10) / 9)
		s.after(time.Duration(i/burst)*time.Duration(burst)*10*time.Millisecond, func() { s.send(site, pool, class, priority) })
		if r.IntN(30) == 0 {
			s.after(time.Duration(r.IntN(10000))*time.Millisecond, func() { s.remove(uint64(r.IntN(600))) })
		}
		if r.IntN(100) == 0 {
			s.after(time.Duration(r.IntN(20000))*time.Millisecond, func() { s.p.Use(s.now, snap) })
		}
	}
	for at := time.Second; at < 24*time.Hour; at += at/4 + time.Second {
		s.run(epoch.Add(at))
		s.verify()
		if s.Failed() {
			return
		}
	}
	s.rates()
	t.Logf("last done after %v, %d parks, %v", s.finish.Sub(epoch), s.parks, s.ends)
	if len(s.items) > 0 || s.ends["done"]+s.ends["failed"]+s.ends["removed"] != int(s.nextID) {
		for name := range s.hosts {
			x, _ := s.p.Explain(s.now, name)
			t.Logf("%s %+v: %+v", name, s.hosts[name], x)
		}
		t.Errorf("ends %v, %+v", s.ends, s.p.Totals())
	}
	if n := s.p.Totals(); n.Sites+n.Groups+n.Connections != 0 {
		t.Errorf("left behind: %+v", n)
	}
	if limit := 10 * int(s.nextID); s.parks > limit {
		t.Errorf("%d parks for %d items", s.parks, s.nextID)
	}
}
