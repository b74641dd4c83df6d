package console

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"posthoorn/internal/stats"
)

// Traffic knows what is in hand now.
type Traffic interface {
	// Load is that in all, by own address, and by destination in the form of the Operator.
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

// load is that of now. Callers leave its maps as they are.
func (s *Server) load(ctx context.Context) (load, error) {
	if s.p.Traffic == nil {
		return load{}, notBuilt
	}
	m := &s.moment
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := time.Now(); now.Sub(m.taken) >= fresh {
		n := load{Held: s.p.Traffic.Held(), Problems: s.problems(ctx)}
		var err error
		if n.All, n.Sources, n.Destinations, err = s.p.Traffic.Load(ctx); err != nil {
			return load{}, err
		}
		m.load, m.taken = n, now
	}
	return m.load, nil
}

func (s *Server) problems(ctx context.Context) []problemAnswer {
	list := []problemAnswer{}
	if s.p.Health == nil {
		return list
	}
	for _, text := range s.p.Health.Ready(ctx) {
		list = append(list, problemAnswer{"critical", text})
	}
	for _, text := range s.p.Health.Warnings() {
		list = append(list, problemAnswer{"warning", text})
	}
	return list
}
