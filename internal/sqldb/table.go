package sqldb

import (
	"slices"
	"strconv"
	"strings"
)

// Table is a table as this program makes it. Names are lower case; the program gives them, never a stranger.
type Table struct {
	Name    string
	Columns []Column
}

// Kind of a column.
type Kind uint8

// Kinds, and what they are in SQL.
const (
	Int      Kind = iota // int
	Text                 // varchar of Size characters
	LongText             // text
	Time                 // date and time in UTC, to the second
	Blob                 // bytes; Read does not read them
)

// Column of a table. It may be NULL unless it is Primary.
type Column struct {
	Name       string
	Kind       Kind
	Size       int  // of Text; 0 = 255
	Default    int  // of an Int with HasDefault; otherwise the default is NULL
	HasDefault bool // also for the rows that are there when the column is added
	Primary    bool // of an Int: the database counts it, and never gives a number twice
	Key        bool // of a Text: a row is found by it (Find), byte by byte; each text once
	Indexed    bool // rows are looked for by it (DeleteBefore)
}

// Row is one row as text. NULL is absent; a column that the table in the database lacks has its Default. A Time is
// YYYY-MM-DD HH:MM:SS in UTC.
type Row map[string]string

func (c Column) size() int {
	if c.Size == 0 {
		return 255
	}
	return c.Size
}

// key is the name of the column that is the Key; empty: none.
func (t Table) key() string {
	for _, c := range t.Columns {
		if c.Key {
			return c.Name
		}
	}
	return ""
}

// defaults are the cells of the columns that a table with these ones lacks, as if they had been added.
func (t Table) defaults(have []string) Row {
	row := Row{}
	for _, c := range t.Columns {
		if c.HasDefault && !slices.Contains(have, c.Name) {
			row[c.Name] = strconv.Itoa(c.Default)
		}
	}
	return row
}

func (t Table) has(column string) bool {
	for _, c := range t.Columns {
		if c.Name == column {
			return true
		}
	}
	return false
}

// create is the statement that makes the table; verb is CREATE TABLE, with or without IF NOT EXISTS.
func (t Table) create(verb string, d *dialect) string {
	columns := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = d.define(c)
	}
	return verb + " " + d.quote(t.Name) + " (" + strings.Join(columns, ", ") + ")" + d.tableSuffix
}
