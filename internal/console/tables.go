package console

import (
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"

	"posthoorn/internal/settings"
)

// Editor reads and changes the tables of the settings. What it does counts at once, is noted in the audit trail under the name of
// who wanted it, and can be undone. Its errors are those of package settings; any other is one of the database.
type Editor interface {
	Tables() []settings.TableInfo
	Writable(ctx context.Context) error // nil, or why nothing can be changed
	Rows(ctx context.Context, table string) ([]settings.EditRow, error)
	Insert(ctx context.Context, who, table string, cells settings.Cells) (id, change int64, err error)
	Update(ctx context.Context, who, table string, id int64, cells settings.Cells) (change int64, err error) // of these cells alone
	Delete(ctx context.Context, who, table string, id int64) (change int64, err error)
	// Preview says what Insert (id 0), Update or Delete would do, and does nothing.
	Preview(ctx context.Context, table string, id int64, cells settings.Cells, remove bool) (settings.Effect, error)
	Changes(ctx context.Context, before int64, limit int) ([]settings.Change, error) // newest first; before 0: from the newest on
	Undo(ctx context.Context, who string, change int64) (int64, error)
	// Secret is a cell that is never shown, for who works with it in here.
	Secret(ctx context.Context, table string, id int64, column string) (string, error)
}

// problemOfEdit gives an error of the Editor its status.
func problemOfEdit(err error) error {
	if _, ok := errors.AsType[*problem](err); ok || err == nil {
		return err
	}
	if cell, ok := errors.AsType[*settings.CellError](err); ok {
		return badField(cell.Column, "%s", cell.Reason)
	}
	for _, known := range []struct {
		err    error
		status int
	}{
		{settings.ErrNoTable, http.StatusNotFound}, {settings.ErrNoRow, http.StatusNotFound}, {settings.ErrNoChange, http.StatusNotFound},
		{settings.ErrChanged, http.StatusConflict},
	} {
		if errors.Is(err, known.err) {
			return deny(known.status, "%v", known.err)
		}
	}
	return deny(http.StatusServiceUnavailable, "the database of the settings: %v", err)
}

// edited is the answer of a handler that needs the Editor.
func (s *Server) edited(handle func(*call, Editor) (any, error)) func(*call) (any, error) {
	return func(c *call) (any, error) {
		if s.p.Editor == nil {
			return nil, notBuilt
		}
		body, err := handle(c, s.p.Editor)
		return body, problemOfEdit(err)
	}
}

type tablesAnswer struct {
	Tables   []settings.TableInfo `json:"tables"`
	Writable bool                 `json:"writable"`
	Why      string               `json:"why,omitempty"`
}

func getTables(c *call, e Editor) (any, error) {
	a := tablesAnswer{Tables: e.Tables(), Writable: true}
	if err := e.Writable(c.Context()); err != nil {
		a.Writable, a.Why = false, err.Error()
	}
	return a, nil
}

type rowsAnswer struct {
	Rows []settings.EditRow `json:"rows"`
}

func getRows(c *call, e Editor) (any, error) {
	rows, err := e.Rows(c.Context(), c.PathValue("table"))
	if err != nil {
		return nil, err
	}
	if rows == nil {
		rows = []settings.EditRow{}
	}
	return rowsAnswer{rows}, nil
}

// rowRequest brings cells.
type rowRequest struct {
	Cells map[string]any `json:"cells"`
}

type rowAnswer struct {
	ID     int64  `json:"id,omitempty"`
	Change int64  `json:"change"`
	Token  string `json:"token,omitempty"` // of a new token that we have made: it is never shown again
}

func insertRow(c *call, e Editor) (any, error) {
	var in rowRequest
	if err := c.body(&in); err != nil {
		return nil, err
	}
	cells, err := cellsOf(in.Cells)
	if err != nil {
		return nil, err
	}
	a := rowAnswer{}
	if c.PathValue("table") == tokenTable {
		a.Token = newToken(cells)
	}
	a.ID, a.Change, err = e.Insert(c.Context(), c.caller.who(), c.PathValue("table"), cells)
	return created{a}, err
}

const tokenTable = "tokens"

// newToken makes a token where none is given. The table gets a hash of it.
func newToken(cells settings.Cells) (made string) {
	if given, _ := cells["token"].(string); given == "" {
		made = secret()
		cells["token"] = settings.HashToken(made)
	}
	return made
}

func updateRow(c *call, e Editor) (any, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	var in rowRequest
	if err := c.body(&in); err != nil {
		return nil, err
	}
	cells, err := cellsOf(in.Cells)
	if err != nil {
		return nil, err
	}
	change, err := e.Update(c.Context(), c.caller.who(), c.PathValue("table"), id, cells)
	return rowAnswer{ID: id, Change: change}, err
}

func deleteRow(c *call, e Editor) (any, error) {
	id, err := c.id()
	if err == nil {
		err = c.empty()
	}
	if err != nil {
		return nil, err
	}
	change, err := e.Delete(c.Context(), c.caller.who(), c.PathValue("table"), id)
	return rowAnswer{Change: change}, err
}

// cellsOf takes values of JSON as cells; fractions are none.
func cellsOf(in map[string]any) (settings.Cells, error) {
	cells := make(settings.Cells, len(in))
	for name, value := range in {
		switch v := value.(type) {
		case nil, string, bool:
			cells[name] = v
		case float64:
			if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
				return nil, badField(name, "%v is no whole number that can be kept", v)
			}
			cells[name] = int64(v)
		default:
			return nil, badField(name, "is neither text nor a number")
		}
	}
	return cells, nil
}

type previewAnswer struct {
	Problem string        `json:"problem"`
	Field   string        `json:"field,omitempty"`
	Effect  *effectAnswer `json:"effect,omitempty"`
}

type effectAnswer struct {
	Text         string                 `json:"text"`
	Messages     int                    `json:"messages"`
	Destinations []string               `json:"destinations"`
	More         int                    `json:"more"`
	Limits       []settings.LimitChange `json:"limits,omitempty"`
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
	if effect.Problem != "" {
		return previewAnswer{Problem: effect.Problem, Field: effect.Field}, nil
	}
	a := &effectAnswer{Text: effect.Text, Destinations: []string{}, Limits: effect.Limits}
	if effect.Concerns != nil {
		if err := s.concerned(c.Context(), effect.Concerns, a); err != nil {
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

type changesAnswer struct {
	Changes []settings.Change `json:"changes"`
	Next    int64             `json:"next,omitempty"` // for before, of the next page
}

func getChanges(c *call, e Editor) (any, error) {
	limit, err := c.number("limit", 50, 500)
	if err != nil {
		return nil, err
	}
	before := int64(0)
	if text := c.param("before"); text != "" {
		if before, err = strconv.ParseInt(text, 10, 64); err != nil {
			return nil, badField("before", "%.30q is no number of a change", text)
		}
	}
	list, err := e.Changes(c.Context(), before, limit)
	if err != nil {
		return nil, err
	}
	a := changesAnswer{Changes: list}
	if list == nil {
		a.Changes = []settings.Change{}
	}
	if len(list) == limit {
		a.Next = list[limit-1].ID
	}
	return a, nil
}

func undoChange(c *call, e Editor) (any, error) {
	id, err := c.id()
	if err == nil {
		err = c.empty()
	}
	if err != nil {
		return nil, err
	}
	change, err := e.Undo(c.Context(), c.caller.who(), id)
	return rowAnswer{Change: change}, err
}

type matchAnswer struct {
	Match bool   `json:"match"`
	Error string `json:"error"`
}

// testPattern tries a pattern as the settings would read it.
func (s *Server) testPattern(c *call) (any, error) {
	var in struct {
		Type    string `json:"type"`
		Pattern string `json:"pattern"`
		Text    string `json:"text"`
	}
	if err := c.body(&in); err != nil {
		return nil, err
	}
	match, err := settings.MatchPattern(in.Type, in.Pattern, in.Text)
	if err != nil {
		return matchAnswer{Error: err.Error()}, nil
	}
	return matchAnswer{Match: match}, nil
}
