package console

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"posthoorn/internal/stats"
)

// slowTraffic takes longer to count than counts stay fresh, and begins when all want it.
type slowTraffic struct {
	fakeTraffic
	wanted sync.WaitGroup
}

func (f *slowTraffic) Gauges(ctx context.Context) (all stats.Gauges, sources map[netip.Addr]stats.Gauges, err error) {
	f.wanted.Wait()
	time.Sleep(fresh + fresh/10)
	return f.fakeTraffic.Gauges(ctx)
}

// Who has waited for a count that took long gets it, and does not make another.
func TestSlowCountsAreShared(t *testing.T) {
	traffic := new(slowTraffic)
	s := &Server{p: Parts{Traffic: traffic}}
	var all sync.WaitGroup
	traffic.wanted.Add(4)
	for range 4 {
		all.Go(func() {
			traffic.wanted.Done()
			if _, err := s.load(t.Context(), false); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := traffic.asked.Load(); n > 2 { // one more for a goroutine that began late
		t.Errorf("counted %d times", n)
	}
}
