package settings

import (
	"errors"
	"time"
)

// Cells are what stands in a row, or is to be written there: text, int64, bool, or nil for NULL.
type Cells map[string]any

// TableInfo tells people what a table that they may edit is about.
type TableInfo struct {
	Name    string       `json:"name"`
	Title   string       `json:"title"`
	Columns []ColumnInfo `json:"columns"`

	table Table
}

// ColumnInfo is one column of it.
type ColumnInfo struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"` // int, text, longtext, time, bool, ip, domain or choice
	Choices []string `json:"choices,omitempty"`
	Unset   *int64   `json:"unset,omitempty"`  // the value of an int that leaves a limit to less specific rows
	Secret  bool     `json:"secret,omitempty"` // it is written and never shown
	Help    string   `json:"help,omitempty"`
}

// EditRow is a row as it may be shown: secrets are nil in Cells, and named in Has where there is one.
type EditRow struct {
	ID      int64    `json:"id"`
	Cells   Cells    `json:"cells"`
	Has     []string `json:"has,omitempty"`
	Problem string   `json:"problem,omitempty"` // why it does not count
	Warning string   `json:"warning,omitempty"` // it counts, but not as it seems to; with a State its words
	State   State    `json:"state,omitempty"`

	Who   string    `json:"who,omitempty"`  // of InMemory: who made it
	Since time.Time `json:"since,omitzero"` // and when
}

// Effect is what a change would do.
type Effect struct {
	Problem  string                        // why the row would not be written; empty: it would
	Field    string                        // the column that this is about
	Text     string                        // in plain words what changes
	Warning  string                        // why the row may not do what it seems to; empty: nothing is known
	Limits   []LimitChange                 // of a row of capacity
	Concerns func(destination string) bool // whether mail for a destination is concerned; nil: none is
}

// LimitChange is one limit before and after.
type LimitChange struct {
	Name   string `json:"name"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// Action is what was done to a row.
type Action string

// The actions.
const (
	Inserted Action = "insert"
	Updated  Action = "update"
	Deleted  Action = "delete"
)

// MailOrder is the Table of changes that are none of rows: what somebody did with mail (Note). They cannot be undone.
const MailOrder = "mail"

// Change is one entry of the audit trail. Secrets are nil in its cells.
type Change struct {
	ID     int64     `json:"id"`
	Time   time.Time `json:"time"`
	Who    string    `json:"who"`
	Table  string    `json:"table"`
	Row    int64     `json:"row"`
	Action Action    `json:"action"`
	Before Cells     `json:"before"` // nil: there was no such row
	After  Cells     `json:"after"`  // nil: there is no such row any more
	Undone bool      `json:"undone"`
	UndoOf int64     `json:"undo_of,omitempty"`
	PartOf int64     `json:"part_of,omitempty"` // the leading change of its step: they are undone together
	Final  string    `json:"final,omitempty"`   // why it cannot be undone; empty: it can, unless the row was changed since

	before, after Row // with secrets
}

// Errors of edits, for errors.Is.
var (
	ErrNoTable    = errors.New("there is no such table")
	ErrNoRow      = errors.New("there is no such row")
	ErrNoChange   = errors.New("there is no such change")
	ErrChanged    = errors.New("the row has been changed since")
	ErrFinal      = errors.New("what was done with mail cannot be undone")
	ErrForgotten  = errors.New("the key or token that the row had is kept for three days only, so this cannot be undone any more")
	ErrStored     = errors.New("this is stored, and will be in force as soon as the settings can be read again")
	ErrNoDatabase = errors.New("there is no database of settings that could be written")
)

// CellError is a cell that makes no sense. Without a column it is the row as a whole.
type CellError struct {
	Column string
	Reason string
}

// Error has the column in front, if there is one.
func (e *CellError) Error() string {
	if e.Column == "" {
		return e.Reason
	}
	return e.Column + ": " + e.Reason
}

// MatchPattern says whether a pattern of database.md section 2 matches a text. An error says what is wrong with the pattern.
func MatchPattern(kind, expression, text string) (bool, error) {
	p, err := newPattern(kind, expression)
	if err != nil {
		return false, err
	}
	return p.match(text, fold(text)), nil
}
