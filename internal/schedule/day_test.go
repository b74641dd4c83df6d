package schedule

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"posthoorn/internal/settings"
)

// A day of mail: fifty thousand messages, more by day than by night, for three hundred sites of which some are
// dead, some slow, some moody. All of them end, and the good sites get theirs.
func TestADay(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	s := newSim(t, seed, fixed{total: 200, keys: map[string]settings.Limits{
		"strict": {Domain: settings.Counts{Connections: 2, Messages: 20}, ConnMessages: 5},
	}}, 2000)
	s.dropRate = 0.001
	const sites, messages = 300, 50_000
	var good []*host
	for i := range sites {
		h := host{service: time.Duration(20+s.rnd.IntN(400)) * time.Millisecond, dial: time.Duration(10+s.rnd.IntN(200)) * time.Millisecond}
		switch {
		case i%20 == 1:
			h.dead = true
		case i%20 == 2:
			h.service = 20 * time.Second
		case i%20 == 3:
			h.noDNS = true
		case i%20 == 4:
			h.session = 3
		case i%20 == 5:
			h.key = "strict"
		}
		made := s.host(fmt.Sprintf("s%d.test", i), h)
		if !h.dead && !h.noDNS {
			good = append(good, made)
		}
	}
	sent := 0
	pool := s.pools.Of(src1, src2)
	var arrive func()
	arrive = func() {
		s.send(fmt.Sprintf("s%d.test", int(float64(sites)*s.rnd.Float64()*s.rnd.Float64())), pool, Class{}, 0)
		if sent++; sent == messages {
			return
		}
		hour := s.now.Sub(epoch).Hours()
		gap := float64(24*time.Hour) / messages * (1 + 0.8*math.Cos(2*math.Pi*hour/24))
		s.after(time.Duration(gap*s.rnd.ExpFloat64()), arrive)
	}
	arrive()
	began := time.Now()
	s.run(epoch.Add(36 * time.Hour))
	s.verify()
	s.watch.finish()
	done := 0
	for _, h := range good {
		done += h.done
	}
	t.Logf("%v, %d parks, %v of real time", s.ends, s.parks, time.Since(began))
	if s.ends["done"]+s.ends["failed"] != messages || s.ends["done"] != done || s.ends["done"] < messages*8/10 {
		t.Errorf("%v, %+v", s.ends, s.p.Totals())
	}
}
