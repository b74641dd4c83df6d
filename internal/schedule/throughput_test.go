package schedule

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"posthoorn/internal/settings"
)

// broker offers messages as an outbox does: as many at a time as there is credit, in the order of a random mix.
type broker struct {
	s    *sim
	mix  func() string // next site
	pool *Pool
}

// pour fills the credit, again and again.
func (b *broker) pour(every time.Duration) {
	for b.s.memory < b.s.credit {
		before := b.s.memory
		b.s.send(b.mix(), b.pool, Class{}, 0)
		if b.s.memory == before && b.s.rnd.IntN(20) == 0 {
			break // parking takes time, too
		}
	}
	b.s.after(every, func() { b.pour(every) })
}

func addr(i int) netip.Addr { return netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}) }

func (s *sim) host(name string, h host) *host {
	h.addr = addr(len(s.hosts))
	if h.group == "" {
		h.group = name
	}
	if h.dial == 0 {
		h.dial = 20 * time.Millisecond
	}
	if h.service == 0 {
		h.service = 50 * time.Millisecond
	}
	s.hosts[name] = &h
	return &h
}

// F20, F25: receivers that are dead, silent or slow do not slow down the good one by more than a tenth, however much
// of the mail is for them.
func TestOneBadAmongMany(t *testing.T) {
	for _, bad := range []struct {
		name string
		host host
		n    int
	}{
		{"dead", host{dead: true, dial: 15 * time.Second}, 60},
		{"tarpit", host{tarpit: true}, 60},
		{"slow", host{service: 30 * time.Second}, 60},
		{"one message a minute", host{key: "slow"}, 60},
		{"one tarpit", host{tarpit: true}, 1},
		{"no DNS", host{deafDNS: true}, 60},
	} {
		t.Run(bad.name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			alone := goodDone(t, seed, nil, 0)
			among := goodDone(t, seed, &bad.host, bad.n)
			t.Logf("%d alone, %d among the bad", alone, among)
			if among < alone*9/10 {
				t.Errorf("%d messages instead of %d", among, alone)
			}
		})
	}
}

// goodDone says how many messages a good receiver got in two minutes, after the first: a hundred a second come for
// it, and as many for the bad ones.
func goodDone(t *testing.T, seed uint64, bad *host, n int) int {
	s := newSim(t, seed, fixed{keys: map[string]settings.Limits{"slow": {Domain: settings.Counts{Messages: 1}}}, total: 500}, 600)
	good := s.host("good.test", host{})
	for i := range n {
		s.host(fmt.Sprintf("bad%d.test", i), *bad)
	}
	pool := s.pools.Of(src1)
	var arrive func()
	arrive = func() {
		if s.memory < s.credit { // else the broker keeps it
			s.send("good.test", pool, Class{}, 0)
		}
		if n > 0 && s.memory < s.credit {
			s.send(fmt.Sprintf("bad%d.test", s.rnd.IntN(n)), pool, Class{}, 0)
		}
		s.after(10*time.Millisecond, arrive)
	}
	arrive()
	s.run(epoch.Add(time.Minute))
	before := good.done
	s.run(epoch.Add(3 * time.Minute))
	s.verify()
	return good.done - before
}

// A healthy site gets a thousand connections within seconds, if there is work for them.
func TestRampUp(t *testing.T) {
	s := newSim(t, 7, fixed{}, 5000)
	s.host("big.test", host{dial: 30 * time.Millisecond, service: 400 * time.Millisecond})
	b := &broker{s: s, pool: s.pools.Of(src1)}
	b.mix = func() string { return "big.test" }
	b.pour(10 * time.Millisecond)
	for _, at := range []time.Duration{500, 1000, 1500, 2000, 2500, 3000} {
		s.run(epoch.Add(at * time.Millisecond))
		t.Logf("%v: %+v", at*time.Millisecond, s.p.Totals())
	}
	if n := s.p.Totals().Connections; n < 1000 {
		t.Errorf("%d connections after three seconds", n)
	}
}

// A receiver that takes milliseconds gets few connections for little mail.
func TestFewConnectionsForAFastSite(t *testing.T) {
	s := newSim(t, 7, fixed{}, 5000)
	h := s.host("fast.test", host{service: 4 * time.Millisecond, dial: 2 * time.Millisecond})
	for i := range 20_000 {
		s.after(time.Duration(i)*5*time.Millisecond, func() { s.send("fast.test", s.pools.Of(src1), Class{}, 0) })
	}
	most := 0
	for i := range 110 {
		s.run(epoch.Add(time.Duration(i) * time.Second))
		most = max(most, s.p.Totals().Connections)
	}
	if most > 8 || h.done != 20_000 {
		t.Errorf("%d connections, %d done", most, h.done)
	}
}

// Limits are used, not only kept.
func TestLimitsAreReached(t *testing.T) {
	for _, c := range []struct {
		name      string
		limits    settings.Limits
		perMinute int
	}{
		{"rate", settings.Limits{Domain: settings.Counts{Messages: 600}}, 600},
		{"slow rate", settings.Limits{Domain: settings.Counts{Messages: 6}}, 6},
		{"fast rate", settings.Limits{Domain: settings.Counts{Messages: 30_000}}, 30_000},
		{"connections", settings.Limits{Domain: settings.Counts{Connections: 5}}, 5 * 1200},
		{"messages per connection", settings.Limits{Domain: settings.Counts{Connections: 5}, ConnMessages: 10}, 5 * 1200 * 8 / 10},
		{"connects", settings.Limits{Domain: settings.Counts{Connects: 60}, ConnMessages: 3}, 180},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSim(t, 3, fixed{all: c.limits}, 2000)
			h := s.host("a.test", host{})
			b := &broker{s: s, pool: s.pools.Of(src1)}
			b.mix = func() string { return "a.test" }
			b.pour(500 * time.Millisecond)
			s.run(epoch.Add(time.Minute))
			before := h.done
			s.run(epoch.Add(3 * time.Minute))
			s.watch.finish()
			t.Logf("%d of %d a minute, %d parks, %d in memory", (h.done-before)/2, c.perMinute, s.parks, s.memory)
			if got := (h.done - before) / 2; got < c.perMinute*9/10 {
				t.Errorf("%d of %d messages a minute", got, c.perMinute)
			}
		})
	}
}

// Where connections are scarce everybody has a turn.
func TestTurns(t *testing.T) {
	for _, c := range []struct{ total, sites int }{{5, 40}, {20, 5}, {1, 3}, {50, 50}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			s := newSim(t, 11, fixed{total: c.total}, 3000)
			hosts := make([]*host, c.sites)
			for i := range hosts {
				hosts[i] = s.host(fmt.Sprintf("s%d.test", i), host{})
			}
			b := &broker{s: s, pool: s.pools.Of(src1)}
			b.mix = func() string { return fmt.Sprintf("s%d.test", s.rnd.IntN(c.sites)) }
			b.pour(50 * time.Millisecond)
			s.run(epoch.Add(time.Minute))
			before := make([]int, c.sites)
			for i, h := range hosts {
				before[i] = h.done
			}
			s.run(epoch.Add(3 * time.Minute))
			s.verify()
			least, most, all := 1<<30, 0, 0
			for i, h := range hosts {
				n := h.done - before[i]
				least, most, all = min(least, n), max(most, n), all+n
			}
			possible := c.total * 2 * 60 * 20
			t.Logf("least %d, most %d, all %d of %d", least, most, all, possible)
			if least*4 < most {
				t.Errorf("least %d, most %d", least, most)
			}
			if all < possible*8/10 {
				t.Errorf("%d of %d possible", all, possible)
			}
		})
	}
}
