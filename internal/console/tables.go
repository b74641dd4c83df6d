package console

import (
	"context"
	"errors"
	"math"
	"net/http"

	"posthoorn/internal/settings"
)

// Editor reads and changes the tables of the settings. What it does counts at once, is noted in the audit trail under the name of
// who wanted it, and can be undone. Its errors are those of package settings; any other is one of the database.
type Editor interface {
	Tables() []settings.TableInfo
	Writable(ctx context.Context) error // nil, or why nothing can be changed
	Rows(ctx context.Context, table string) ([]settings.EditRow, error)
	Behind() string // why what was changed last may not be in force; empty: it is
	Insert(ctx context.Context, who, table string, cells settings.Cells) (id, change int64, err error)
	InsertKey(ctx context.Context, who string, key settings.Cells, patterns []settings.Cells) (id, change int64, err error)
	Update(ctx context.Context, who, table string, id int64, cells settings.Cells) (change int64, err error) // of these cells alone
	Delete(ctx context.Context, who, table string, id int64) (change int64, err error)
	// Preview says what Insert (id 0), Update or Delete would do, and does nothing.
	Preview(ctx context.Context, table string, id int64, cells settings.Cells, remove bool) (settings.Effect, error)
	Changes(ctx context.Context, before int64, limit int) ([]settings.Change, error) // newest first; before 0: from the newest on
	Undo(ctx context.Context, who string, change int64) (int64, error)
	// Warning is for who has made a change: why its row may not do what it seems to. Change 0: a pause that is held in memory.
	Warning(ctx context.Context, change int64) string
	// PreviewUndo says what Undo would do, and does nothing.
	PreviewUndo(ctx context.Context, change int64) (settings.Effect, error)
	// Note keeps what somebody did with mail among the changes.
	Note(ctx context.Context, who string, action settings.Action, facts settings.Cells) error
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
		{settings.ErrChanged, http.StatusConflict}, {settings.ErrFinal, http.StatusConflict},
		{settings.ErrForgotten, http.StatusConflict},
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
	Rows    []settings.EditRow `json:"rows"`
	Warning string             `json:"warning,omitempty"` // why what was changed last may not be in force
}

func getRows(c *call, e Editor) (any, error) {
	rows, err := e.Rows(c.Context(), c.PathValue("table"))
	if err != nil {
		return nil, err
	}
	if rows == nil {
		rows = []settings.EditRow{}
	}
	return rowsAnswer{rows, e.Behind()}, nil
}

// rowRequest brings cells.
type rowRequest struct {
	Cells map[string]any `json:"cells"`
}

type rowAnswer struct {
	ID      int64  `json:"id,omitempty"`
	Change  int64  `json:"change"`
	Token   string `json:"token,omitempty"`   // of a new token that we have made: it is never shown again
	Warning string `json:"warning,omitempty"` // why the row may not do what it seems to
	pending
}

// made is the answer to a change that leaves a row.
func (a *rowAnswer) made(c *call, e Editor, body any, err error) (any, error) {
	if err == nil || errors.Is(err, settings.ErrStored) {
		a.Warning = e.Warning(c.Context(), a.Change)
	}
	return a.saved(body, err)
}

// pending is part of the answer to a change that is stored and not in force yet.
type pending struct {
	Pending string `json:"pending,omitempty"`
}

// saved is the answer to a change. One that is stored and not in force yet has a status of its own, and says so.
func (p *pending) saved(body any, err error) (any, error) {
	if errors.Is(err, settings.ErrStored) {
		p.Pending = err.Error()
		return accepted{body}, nil
	}
	return body, err
}

// cells are those of a request.
func (c *call) cells() (settings.Cells, error) {
	var in rowRequest
	if err := c.body(&in); err != nil {
		return nil, err
	}
	if in.Cells == nil {
		return nil, badField("cells", "is missing")
	}
	return cellsOf(in.Cells)
}

func insertRow(c *call, e Editor) (any, error) {
	cells, err := c.cells()
	if err != nil {
		return nil, err
	}
	a := rowAnswer{}
	if c.PathValue("table") == tokenTable {
		a.Token = newToken(cells)
	}
	a.ID, a.Change, err = e.Insert(c.Context(), c.caller.who(), c.PathValue("table"), cells)
	return a.made(c, e, created{&a}, err)
}

const tokenTable = "tokens"

// newToken makes a token where none is given. The table gets a hash of it.
func newToken(cells settings.Cells) (made string) {
	if given := cells["token"]; given == nil || given == "" {
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
	cells, err := c.cells()
	if err != nil {
		return nil, err
	}
	a := rowAnswer{ID: id}
	a.Change, err = e.Update(c.Context(), c.caller.who(), c.PathValue("table"), id, cells)
	return a.made(c, e, &a, err)
}

func deleteRow(c *call, e Editor) (any, error) {
	id, err := c.id()
	if err == nil {
		err = c.empty()
	}
	if err != nil {
		return nil, err
	}
	a := rowAnswer{}
	a.Change, err = e.Delete(c.Context(), c.caller.who(), c.PathValue("table"), id)
	return a.saved(&a, err)
}

// cellsOf takes values of JSON as cells; fractions are none.
func cellsOf(in map[string]any) (settings.Cells, error) {
	cells := make(settings.Cells, len(in))
	for name, value := range in {
		switch v := value.(type) {
		case nil, string, bool:
			cells[name] = v
		case float64:
			if v != math.Trunc(v) || math.Abs(v) >= 1<<53 { // beyond it JSON has rounded
				return nil, badField(name, "%v is no whole number that can be kept", v)
			}
			cells[name] = int64(v)
		default:
			return nil, badField(name, "is neither text nor a number")
		}
	}
	return cells, nil
}
