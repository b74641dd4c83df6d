package console

import (
	"context"
	"slices"
	"time"

	"posthoorn/internal/settings"
)

type previewAnswer struct {
	Problem string        `json:"problem"`
	Field   string        `json:"field,omitempty"`
	Effect  *effectAnswer `json:"effect,omitempty"`
}

type effectAnswer struct {
	Text         string                 `json:"text"`
	Warning      string                 `json:"warning,omitempty"` // why the row may not do what it seems to
	Messages     int                    `json:"messages"`
	Destinations []string               `json:"destinations"`
	More         int                    `json:"more"`
	Limits       []settings.LimitChange `json:"limits,omitempty"`
	Final        string                 `json:"final,omitempty"` // why it could not be undone; empty: it could
	held
}

// held is the mail that an action would find.
type held struct {
	Memory *int      `json:"memory,omitempty"`
	Parked *int      `json:"parked,omitempty"`
	Oldest time.Time `json:"oldest,omitzero"` // nothing is older
}

func (s *Server) preview(c *call, e Editor) (any, error) {
	var in struct {
		ID     int64          `json:"id"`
		Cells  map[string]any `json:"cells"`
		Delete bool           `json:"delete"`
	}
	if err := c.body(&in); err != nil {
		return nil, err
	}
	if in.Delete && in.ID == 0 {
		return nil, badField("id", "is missing")
	}
	cells, err := cellsOf(in.Cells)
	if err != nil {
		return nil, err
	}
	if c.PathValue("table") == tokenTable && in.ID == 0 && !in.Delete {
		newToken(cells) // as insertRow would
	}
	effect, err := e.Preview(c.Context(), c.PathValue("table"), in.ID, cells, in.Delete)
	if err != nil {
		return nil, err
	}
	return s.previewed(c.Context(), &effect)
}

func (s *Server) previewUndo(c *call, e Editor) (any, error) {
	id, err := c.id()
	if err == nil {
		err = c.empty()
	}
	if err != nil {
		return nil, err
	}
	effect, err := e.PreviewUndo(c.Context(), id)
	if err != nil {
		return nil, err
	}
	return s.previewed(c.Context(), &effect)
}

// previewed is an effect with the mail that it concerns.
func (s *Server) previewed(ctx context.Context, effect *settings.Effect) (any, error) {
	if effect.Problem != "" {
		return previewAnswer{Problem: effect.Problem, Field: effect.Field}, nil
	}
	a := &effectAnswer{Text: effect.Text, Warning: effect.Warning, Destinations: []string{}, Limits: effect.Limits}
	if effect.Concerns != nil {
		if err := s.concerned(ctx, effect.Concerns, a); err != nil {
			return nil, err
		}
	}
	return previewAnswer{Effect: a}, nil
}

// mostNamed is how many destinations are named in an effect.
const mostNamed = 20

// concerned counts the mail that there is for the destinations of an effect; those with the most come first.
func (s *Server) concerned(ctx context.Context, concerns func(string) bool, a *effectAnswer) error {
	if s.p.Traffic == nil {
		return nil
	}
	now, err := s.load(ctx, true)
	if err != nil {
		return err
	}
	var names []string
	for name, g := range now.Destinations {
		if concerns(name) {
			names, a.Messages = append(names, name), a.Messages+g.Memory+g.Parked
		}
	}
	slices.SortFunc(names, func(x, y string) int {
		gx, gy := now.Destinations[x], now.Destinations[y]
		return (gy.Memory + gy.Parked) - (gx.Memory + gx.Parked)
	})
	a.More = max(0, len(names)-mostNamed)
	a.Destinations = append(a.Destinations, names[:len(names)-a.More]...)
	return nil
}
