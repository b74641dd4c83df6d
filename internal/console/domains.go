package console

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"posthoorn/internal/outbox"
	"posthoorn/internal/stats"
)

type domainAnswer struct {
	Domain      string       `json:"domain"`
	Counters    stats.Counts `json:"counters"`
	Connections connections  `json:"connections"`
	Memory      int          `json:"memory"`
	Parked      int          `json:"parked"`
	Reason      string       `json:"reason"`
	Next        time.Time    `json:"next,omitzero"`
	Paused      bool         `json:"paused"`
}

// busy is how much goes on for a domain: the list begins with those where most does.
func (d *domainAnswer) busy() int {
	return d.Counters.Attempts + d.Counters.NotTried + d.Memory + d.Parked
}

func (s *Server) getDomains(c *call) (any, error) {
	if s.p.Stats == nil {
		return nil, notBuilt
	}
	limit, err := c.number("limit", 100, 1000)
	if err != nil {
		return nil, err
	}
	all, err := s.domains(c.Context(), strings.ToLower(c.param("search")))
	if err != nil {
		return nil, err
	}
	total := len(all)
	all = all[:min(limit, total)]
	if err := s.reasons(c.Context(), all); err != nil {
		return nil, err
	}
	for i := range all {
		all[i].Paused = s.paused(stats.Selection{Domain: all[i].Domain})
	}
	return map[string]any{"domains": all, "total": total}, nil
}

// census is all domains at one time. To count them stops for a moment who counts results, so it is done once a second at most.
type census struct {
	mu    sync.Mutex
	taken time.Time
	list  []domainAnswer
}

// domains are those with counts or mail whose name has a text in it, the busiest first.
func (s *Server) domains(ctx context.Context, search string) ([]domainAnswer, error) {
	n := &s.census
	n.mu.Lock()
	defer n.mu.Unlock()
	if time.Since(n.taken) >= fresh {
		list, err := s.count(ctx)
		if err != nil {
			return nil, err
		}
		n.list, n.taken = list, time.Now()
	}
	list := []domainAnswer{}
	for i := range n.list {
		if strings.Contains(n.list[i].Domain, search) {
			list = append(list, n.list[i])
		}
	}
	return list, nil
}

// count makes the census.
func (s *Server) count(ctx context.Context) ([]domainAnswer, error) {
	l, err := s.load(ctx, true)
	if err != nil {
		return nil, err
	}
	found := map[string]*domainAnswer{}
	at := func(name string) *domainAnswer {
		if found[name] == nil {
			found[name] = &domainAnswer{Domain: name}
		}
		return found[name]
	}
	for _, row := range s.p.Stats.Domains(time.Now()) {
		at(row.Name).Counters = row.Counts
	}
	for name, g := range l.Destinations {
		d := at(name)
		d.Memory, d.Parked, d.Connections = g.Memory, g.Parked, connectionsOf(g)
	}
	list := make([]domainAnswer, 0, len(found))
	for _, d := range found {
		list = append(list, *d)
	}
	slices.SortFunc(list, func(a, b domainAnswer) int {
		return cmp.Or(b.busy()-a.busy(), cmp.Compare(a.Domain, b.Domain))
	})
	return list, nil
}

// backlogAge is how old reasons may be: to find them costs the engine more than all else here.
const backlogAge = 5 * time.Second

// waits are the reasons why mail waits, by destination.
type waits struct {
	mu    sync.Mutex
	taken time.Time
	lines map[string]outbox.BacklogLine
}

// reasons says of each domain why its mail waits.
func (s *Server) reasons(ctx context.Context, list []domainAnswer) error {
	if s.p.Operator == nil {
		return nil
	}
	w := &s.waits
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.taken) >= backlogAge {
		lines, err := s.p.Operator.Backlog(ctx)
		if err != nil {
			return err
		}
		w.lines, w.taken = make(map[string]outbox.BacklogLine, len(lines)), time.Now()
		for _, line := range lines {
			w.lines[line.Destination] = line
		}
	}
	for i := range list {
		line := w.lines[list[i].Domain]
		list[i].Reason, list[i].Next = line.Reason, line.Next
	}
	return nil
}
