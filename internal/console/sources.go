package console

import (
	"net/netip"
	"slices"
	"time"

	"posthoorn/internal/stats"
)

type sourceAnswer struct {
	IP          netip.Addr   `json:"ip"`
	Name        string       `json:"name"`
	NameFrom    string       `json:"name_from"` // row, dns, or empty
	Counters    stats.Counts `json:"counters"`
	Connections connections  `json:"connections"`
	Memory      int          `json:"memory"`
	Parked      int          `json:"parked"`
	Paused      bool         `json:"paused"`
}

func (s *Server) getSources(c *call) (any, error) {
	if s.p.Stats == nil {
		return nil, notBuilt
	}
	l, err := s.load(c.Context(), true)
	if err != nil {
		return nil, err
	}
	counts := map[netip.Addr]stats.Counts{}
	for _, row := range s.p.Stats.Sources(time.Now()) {
		counts[row.Name] = row.Counts
	}
	list := []sourceAnswer{}
	for _, ip := range s.ownAddresses(counts, l.Sources) {
		g := l.Sources[ip]
		a := sourceAnswer{
			IP: ip, Counters: counts[ip], Connections: connectionsOf(g), Memory: g.Memory, Parked: g.Parked, Paused: s.paused(stats.Selection{Source: ip}),
		}
		if s.p.Name != nil {
			a.Name, a.NameFrom = s.p.Name(ip)
		}
		list = append(list, a)
	}
	return map[string]any{"sources": list}, nil
}

// ownAddresses are those of this host, and those that numbers are known of.
func (s *Server) ownAddresses(counts map[netip.Addr]stats.Counts, gauges map[netip.Addr]stats.Gauges) (list []netip.Addr) {
	if s.p.Instance.Sources != nil {
		list = append(list, s.p.Instance.Sources()...)
	}
	for ip := range counts {
		list = append(list, ip)
	}
	for ip := range gauges {
		list = append(list, ip)
	}
	slices.SortFunc(list, netip.Addr.Compare)
	return slices.Compact(list)
}
