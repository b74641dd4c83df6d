package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"posthoorn/internal/journal"
)

// Logs are the send and the received log. *journal.Journal is one.
type Logs interface {
	Search(ctx context.Context, log string, q journal.Query) (journal.Page, error)
}

type logsAnswer struct {
	Lines    []lineAnswer `json:"lines"`
	Cursor   string       `json:"cursor"`
	Scanned  int64        `json:"scanned_bytes"`
	Oldest   time.Time    `json:"oldest,omitzero"`
	Complete bool         `json:"complete"`
}

type lineAnswer struct {
	Time    time.Time       `json:"time,omitzero"`
	Attempt int             `json:"attempt,omitempty"`
	Email   json.RawMessage `json:"email,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Report  bool            `json:"report,omitempty"`
	Text    string          `json:"text,omitempty"`
}

const (
	searchTime   = 30 * time.Second
	mostLines    = 1000
	mostSearches = 2 // at a time: each keeps a core busy that deliveries may need
)

func (s *Server) getLogs(c *call) (any, error) {
	if s.p.Logs == nil {
		return nil, notBuilt
	}
	kind := c.PathValue("kind")
	if kind != "send" && kind != "received" {
		return nil, deny(http.StatusNotFound, "there are the logs send and received")
	}
	q, err := queryOf(c)
	if err != nil {
		return nil, err
	}
	page, err := s.search(c.Context(), kind, q)
	switch {
	case errors.Is(err, journal.ErrOff):
		return nil, deny(http.StatusNotFound, "%v", err)
	case errors.Is(err, journal.ErrCursor):
		return nil, badField("cursor", "%v", err)
	case err != nil:
		return nil, err
	}
	a := logsAnswer{Lines: make([]lineAnswer, len(page.Lines)), Cursor: page.Cursor, Scanned: page.Scanned, Oldest: page.Oldest, Complete: page.Complete}
	for i := range page.Lines {
		a.Lines[i] = lineOf(&page.Lines[i])
	}
	return a, nil
}

// search waits for its turn.
func (s *Server) search(ctx context.Context, kind string, q journal.Query) (journal.Page, error) {
	select {
	case s.searches <- struct{}{}:
	case <-ctx.Done():
		return journal.Page{}, ctx.Err()
	}
	defer func() { <-s.searches }()
	return s.p.Logs.Search(ctx, kind, q)
}

func queryOf(c *call) (q journal.Query, err error) {
	q = journal.Query{
		Recipient: c.param("recipient"), Envelope: c.param("envelope"), Domain: c.param("domain"), Source: c.param("source"), Remote: c.param("remote"),
		State: c.param("state"), Result: c.param("result"), Tag: c.param("tag"), ID: c.param("id"), Text: c.param("text"), Cursor: c.param("cursor"),
	}
	if text := c.param("code"); text != "" {
		if q.Code, err = strconv.Atoi(text); err != nil || q.Code < 0 || q.Code > 999 {
			return q, badField("code", "%.20q is no code of an answer", text)
		}
	}
	if q.From, err = c.moment("from"); err != nil {
		return q, err
	}
	if q.Until, err = c.moment("until"); err != nil {
		return q, err
	}
	q.Limit, err = c.number("limit", 100, mostLines)
	return q, err
}

// moment is a time of the query; zero: there is none.
func (c *call) moment(name string) (time.Time, error) {
	text := c.param(name)
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", "2006-01-02 15:04:05", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, time.UTC); err == nil {
			return t, nil
		}
	}
	return time.Time{}, badField(name, "%.40q is no time such as 2026-01-31T23:59:59Z", text)
}

// lineOf shows a line of the binary log by its parts, and any other as it is.
func lineOf(l *journal.Line) lineAnswer {
	a := lineAnswer{Time: l.Time, Text: l.Text}
	var parts struct {
		Attempt int             `json:"attempt"`
		Email   json.RawMessage `json:"email"`
		JSON    json.RawMessage `json:"json"` // of the received log
		Result  json.RawMessage `json:"result"`
		Report  bool            `json:"report"`
	}
	if l.JSON == nil {
		return a
	}
	if json.Unmarshal(l.JSON, &parts) != nil {
		a.Text = string(l.JSON)
		return a
	}
	a.Attempt, a.Email, a.Result, a.Report = parts.Attempt, parts.Email, parts.Result, parts.Report
	if a.Email == nil {
		a.Email = parts.JSON
	}
	return a
}
