package sqldb

import (
	"database/sql/driver"
	"log/slog"
	"strconv"
	"strings"
)

// dialect is all in which the engines differ.
type dialect struct {
	connector   func(a address, log *slog.Logger) (driver.Connector, error)
	quotes      string // around a name
	numbered    bool   // placeholders are $1, $2 instead of ?
	counted     string // the type of a primary key that the database counts
	time        string // the type of a Time
	text        string // the type to which a cell is cast for reading
	tableSuffix string // after CREATE TABLE
	same        string // a comparison of texts byte by byte; %c is the column, %v the value
	columns     string // lists the columns of the table %v; none: there is no such table
	beginRead   string // begins a transaction that sees one state of all tables
	beginWrite  string
	again       func(error) bool // a transaction that failed with this error is to be done again
}

// dialects by scheme of the address.
var dialects = map[string]*dialect{"sqlite": &sqliteDialect, "mysql": &mysqlDialect, "postgresql": &postgresDialect}

// quote writes a name; quotes within it are doubled.
func (d *dialect) quote(name string) string {
	return d.quotes + strings.ReplaceAll(name, d.quotes, d.quotes+d.quotes) + d.quotes
}

// place is the n-th placeholder of a statement, from 1.
func (d *dialect) place(n int) string {
	if d.numbered {
		return "$" + strconv.Itoa(n)
	}
	return "?"
}

// define is a column in CREATE TABLE and ADD COLUMN.
func (d *dialect) define(c Column) string {
	definition := d.quote(c.Name) + " " + d.kind(c)
	if c.Kind == Int && c.HasDefault && !c.Primary {
		definition += " DEFAULT " + strconv.Itoa(c.Default)
	}
	return definition
}

func (d *dialect) kind(c Column) string {
	switch {
	case c.Primary:
		return d.counted
	case c.Kind == Text && c.Size == 0:
		return "varchar(255)"
	case c.Kind == Text:
		return "varchar(" + strconv.Itoa(c.Size) + ")"
	case c.Kind == LongText:
		return "text"
	case c.Kind == Time:
		return d.time
	}
	return "int"
}

// equals is the condition that a text column has the value of the n-th placeholder.
func (d *dialect) equals(column string, n int) string {
	return strings.NewReplacer("%c", d.quote(column), "%v", d.place(n)).Replace(d.same)
}

// listColumns is the query for the names of a table's columns; its value is the name of the table.
func (d *dialect) listColumns() string { return strings.ReplaceAll(d.columns, "%v", d.place(1)) }
