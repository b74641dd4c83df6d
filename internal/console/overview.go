package console

import (
	"context"
	"time"

	"posthoorn/internal/settings"
	"posthoorn/internal/stats"
)

type connections struct {
	Opening  int  `json:"opening"`
	Active   int  `json:"active"`
	Idle     int  `json:"idle"`
	Incoming *int `json:"incoming,omitempty"` // in all alone
}

func connectionsOf(g stats.Gauges) connections {
	return connections{Opening: g.Opening, Active: g.Active, Idle: g.Idle}
}

type overviewAnswer struct {
	Time        time.Time       `json:"time"`
	Counters    stats.Counts    `json:"counters"`
	Connections connections     `json:"connections"`
	Memory      int             `json:"memory"`
	Parked      int             `json:"parked"`
	Paused      bool            `json:"paused"`
	Consuming   bool            `json:"consuming"`
	Problems    []problemAnswer `json:"problems"`
}

// selection is what somebody wants to see. Counts are kept for addresses, domains and tags each, not for pairs of them.
func (s *Server) selection(c *call) (sel stats.Selection, err error) {
	if sel.Source, err = c.source(); err != nil {
		return sel, err
	}
	sel.Tag = c.param("tag")
	if text := c.param("domain"); text != "" {
		if sel.Domain, err = s.destinationOf("domain", text); err != nil {
			return sel, err
		}
	}
	given := 0
	for _, one := range []bool{sel.Source.IsValid(), sel.Domain != "", sel.Tag != ""} {
		if one {
			given++
		}
	}
	if given > 1 {
		return sel, badField("domain", "counts are kept by source, by domain and by tag: name one of them")
	}
	return sel, nil
}

func (s *Server) getOverview(c *call) (any, error) {
	sel, err := s.selection(c)
	if err != nil {
		return nil, err
	}
	return s.overview(c.Context(), sel)
}

func (s *Server) overview(ctx context.Context, sel stats.Selection) (overviewAnswer, error) {
	if s.p.Stats == nil {
		return overviewAnswer{}, notBuilt
	}
	l, err := s.load(ctx, sel.Domain != "" || sel.Source.IsValid())
	if err != nil {
		return overviewAnswer{}, err
	}
	now := time.Now()
	g := l.of(sel)
	a := overviewAnswer{
		Time: now.UTC().Truncate(time.Second), Counters: s.p.Stats.Counts(sel, now), Connections: connectionsOf(g),
		Memory: g.Memory, Parked: g.Parked, Paused: s.paused(sel), Consuming: l.Held == "", Problems: l.Problems,
	}
	if sel == (stats.Selection{}) && s.p.Incoming != nil {
		n := s.p.Incoming()
		a.Connections.Incoming = &n
	}
	return a, nil
}

// of are the numbers of a selection. Those of a tag are not known.
func (l *load) of(sel stats.Selection) stats.Gauges {
	switch {
	case sel.Domain != "":
		return l.Destinations[sel.Domain]
	case sel.Tag != "":
		return stats.Gauges{}
	case sel.Source.IsValid():
		return l.Sources[sel.Source]
	}
	return l.All
}

// paused says that exactly this selection is.
func (s *Server) paused(sel stats.Selection) bool {
	if s.p.Settings == nil {
		return false
	}
	want := settings.Pause{Source: sel.Source, Domain: sel.Domain, Tag: sel.Tag}
	for _, p := range s.p.Settings().Pauses() {
		if p.Equal(want) {
			return true
		}
	}
	return false
}
