package settings

import "context"

// Store is the database of the settings.
type Store interface {
	// Load reads all rows of the tables, in the order of their ids. A table that cannot be read is an error.
	Load(ctx context.Context, tables []Table) (map[string][]Row, error)
	// Insert adds a row; cells are strings, ints, or nil for NULL. The store gives the id.
	Insert(ctx context.Context, table string, cells map[string]any) error
	// Delete removes rows by id.
	Delete(ctx context.Context, table string, ids []int64) error
}

// Row is one row as text, as the database writes its values. NULL is absent. A column that the table in the database lacks has the
// Default of its Column (-1 for limits: not set), and is absent if there is none.
type Row map[string]string

// Table is a table as this program makes it (database.md section 3).
type Table struct {
	Name    string
	Columns []Column
}

// Kind of a column.
type Kind uint8

// Kinds, and what they are in SQL.
const (
	Int      Kind = iota // int
	Text                 // varchar of Size
	LongText             // text
	Time                 // datetime, UTC
)

// Column of a table.
type Column struct {
	Name       string
	Kind       Kind
	Size       int
	Default    int // of an Int with HasDefault; NULL otherwise
	HasDefault bool
	Primary    bool // of an Int: the database counts it
}
