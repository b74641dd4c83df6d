package sqldb

import (
	"database/sql/driver"
	"strconv"
	"strings"
	"unicode/utf8"
)

// dialect is all in which the engines differ.
type dialect struct {
	connector   func(a address, o Options) (driver.Connector, error)
	quotes      string // around a name
	numbered    bool   // placeholders are $1, $2 instead of ?
	counted     string // the type of a primary key that the database counts
	time        string // the type of a Time
	text        string // the type to which a cell is cast for reading
	blob        string // the type of a Blob
	key         string // the type of a Key of %d characters, which are %b bytes
	tableSuffix string // after CREATE TABLE
	same        string // a comparison of texts byte by byte; %c is the column, %v the value
	columns     string // lists the columns of the table %v; none: there is no such table
	beginRead   string // begins a transaction that sees one state of all tables
	beginWrite  string
	returning   bool             // INSERT tells the id of the row
	conflict    string           // in INSERT, before what is to change in a row that has the key %k
	given       string           // in that, the value of the column %c which INSERT would have written
	indexes     string           // lists the indexes of the table %v
	stays       bool             // a connection is worth keeping
	again       func(error) bool // a transaction that failed with this error is to be done again
	tooLarge    func(error) bool // this error says that a value is larger than the server takes
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
	case c.Key:
		return strings.NewReplacer("%d", strconv.Itoa(c.size()), "%b", strconv.Itoa(c.size()*utf8.UTFMax)).Replace(d.key)
	case c.Kind == Text:
		return "varchar(" + strconv.Itoa(c.size()) + ")"
	case c.Kind == Blob:
		return d.blob
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

// hasKey is the condition that a Key has the value of the n-th placeholder: at first as an index finds it, then byte by byte, since
// another program may have made the column without regard to case.
func (d *dialect) hasKey(column string, n int) string {
	return d.quote(column) + " = " + d.place(n) + " AND " + d.equals(column, n+1)
}

// listIndexes is the query for the names of a table's indexes; its value is the name of the table.
func (d *dialect) listIndexes() string { return strings.ReplaceAll(d.indexes, "%v", d.place(1)) }

// listColumns is the query for the names of a table's columns; its value is the name of the table.
func (d *dialect) listColumns() string { return strings.ReplaceAll(d.columns, "%v", d.place(1)) }
