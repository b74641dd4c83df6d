package console

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"posthoorn/internal/stats"
)

// Traffic knows what is in hand now. *outbox.Engine does.
type Traffic interface {
	// Gauges are those in all, and by own address without what waits.
	Gauges(ctx context.Context) (all stats.Gauges, sources map[netip.Addr]stats.Gauges, err error)
	// Load is the same, and by destination in the form of the Operator, which costs more.
	Load(ctx context.Context) (all stats.Gauges, sources map[netip.Addr]stats.Gauges, destinations map[string]stats.Gauges, err error)
	// Held says why nothing more is taken from the outbox; empty: it is.
	Held() string
}

// moment is the load at one time. It is asked for once a second at most, however many look at it.
type moment struct {
	mu    sync.Mutex
	taken time.Time
	load  load
}

// moments are the last one, and the last one that is whole.
type moments struct{ plain, whole moment }

type load struct {
	All          stats.Gauges
	Sources      map[netip.Addr]stats.Gauges
	Destinations map[string]stats.Gauges
	Held         string
	Problems     []problemAnswer
}

type problemAnswer struct {
	Level string `json:"level"` // warning or critical
	Text  string `json:"text"`
}

// fresh is how old a load may be.
const fresh = 900 * time.Millisecond

// load is that of now; if that is wanted by destination, too, and with what waits by source. Callers leave its maps as they are.
func (s *Server) load(ctx context.Context, whole bool) (load, error) {
	if s.p.Traffic == nil {
		return load{}, notBuilt
	}
	m := &s.moments.plain
	if whole {
		m = &s.moments.whole
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Since(m.taken) >= fresh {
		n, err := s.newLoad(ctx, whole)
		if err != nil {
			return load{}, err
		}
		m.load, m.taken = n, time.Now() // at its end: those who have waited for it must not count again, one after the other
	}
	return m.load, nil
}

func (s *Server) newLoad(ctx context.Context, whole bool) (n load, err error) {
	if whole {
		n.All, n.Sources, n.Destinations, err = s.p.Traffic.Load(ctx)
	} else {
		n.All, n.Sources, err = s.p.Traffic.Gauges(ctx)
	}
	n.Held, n.Problems = s.p.Traffic.Held(), s.problems(ctx)
	return n, err
}

func (s *Server) problems(ctx context.Context) []problemAnswer {
	list := []problemAnswer{}
	if s.p.Health == nil {
		return list
	}
	for _, text := range s.p.Health.Ready(ctx) {
		list = append(list, problemAnswer{"critical", text})
	}
	for _, text := range s.p.Health.Warnings(ctx) {
		list = append(list, problemAnswer{"warning", text})
	}
	return list
}
