package console

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"posthoorn/internal/stats"
)

type tagAnswer struct {
	Tag      string       `json:"tag"`
	Counters stats.Counts `json:"counters"`
	Paused   bool         `json:"paused"`
}

// mostTags is how many are listed.
const mostTags = 1000

func (s *Server) getTags(c *call) (any, error) {
	if s.p.Stats == nil {
		return nil, notBuilt
	}
	search := strings.ToLower(c.param("search"))
	list := []tagAnswer{}
	for _, row := range s.p.Stats.Tags(time.Now()) {
		if strings.Contains(strings.ToLower(row.Name), search) {
			list = append(list, tagAnswer{row.Name, row.Counts, s.paused(stats.Selection{Tag: row.Name})})
		}
	}
	slices.SortFunc(list, func(a, b tagAnswer) int {
		return cmp.Or(b.Counters.Attempts-a.Counters.Attempts, cmp.Compare(a.Tag, b.Tag))
	})
	return map[string]any{"tags": list[:min(len(list), mostTags)]}, nil
}
