package console

import (
	"time"

	"posthoorn/internal/stats"
)

type historyAnswer struct {
	Start  time.Time         `json:"start"`
	Step   int               `json:"step"`
	Series map[string][]*int `json:"series"` // nil: not known
}

// spans are what a history may be of.
var spans = map[string]stats.Span{"": stats.Minute, "minute": stats.Minute, "hour": stats.Hour, "day": stats.Day}

func (s *Server) getHistory(c *call) (any, error) {
	if s.p.Stats == nil {
		return nil, notBuilt
	}
	sel, err := s.selection(c)
	if err != nil {
		return nil, err
	}
	span, ok := spans[c.param("span")]
	if !ok {
		return nil, badField("span", "is one of minute, hour and day")
	}
	h, ok := s.p.Stats.History(sel, span, lastSecond())
	if !ok {
		return nil, badField("span", "of a domain or a tag only the last minute is kept")
	}
	a := historyAnswer{Start: h.Start, Step: int(h.Step / time.Second), Series: make(map[string][]*int, len(series))}
	for name, value := range series {
		list := make([]*int, len(h.Points))
		for i := range h.Points {
			end := h.Start.Add(time.Duration(i+1) * h.Step)
			list[i] = value.of(&h.Points[i], sel, end.After(s.p.Instance.Started))
		}
		a.Series[name] = list
	}
	return a, nil
}

// lastSecond is the last one that is over: the counts of this one are not whole yet.
func lastSecond() time.Time { return time.Now().Add(-time.Second) }

// reading is a value of a point. Gauges are known only when they were sampled, and what waits only in all.
type reading struct {
	gauge, whole bool
	get          func(*stats.Point) int
}

func (o reading) of(p *stats.Point, sel stats.Selection, running bool) *int {
	if !running || o.gauge && !p.Known || o.whole && sel != (stats.Selection{}) {
		return nil
	}
	n := o.get(p)
	return &n
}

var series = map[string]reading{
	"connects":   {get: func(p *stats.Point) int { return p.Connects }},
	"reuses":     {get: func(p *stats.Point) int { return p.Reuses }},
	"attempts":   {get: func(p *stats.Point) int { return p.Attempts }},
	"deliveries": {get: func(p *stats.Point) int { return p.Deliveries }},
	"errors":     {get: func(p *stats.Point) int { return p.Errors }},
	"strange":    {get: func(p *stats.Point) int { return p.Strange }},
	"not_tried":  {get: func(p *stats.Point) int { return p.NotTried }},
	"memory":     {true, false, func(p *stats.Point) int { return p.Memory }},
	"parked":     {true, true, func(p *stats.Point) int { return p.Parked }},
	"opening":    {true, false, func(p *stats.Point) int { return p.Opening }},
	"active":     {true, false, func(p *stats.Point) int { return p.Active }},
	"idle":       {true, false, func(p *stats.Point) int { return p.Idle }},
}

// point is the newest of a selection, for those who look on.
func (s *Server) point(sel stats.Selection) map[string]*int {
	h, _ := s.p.Stats.History(sel, stats.Minute, lastSecond())
	a := make(map[string]*int, len(series))
	for name, value := range series {
		if n := len(h.Points); n > 0 {
			a[name] = value.of(&h.Points[n-1], sel, true)
		}
	}
	return a
}
