package settings

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"posthoorn/internal/mail"
)

var patternTypes = []string{"exact", "regex", "fnmatch", "substr"}

// titles are the tables that people edit, and what each is called.
var titles = []struct{ name, title string }{
	{tableCapacity, "Email throttling"}, {tableFloods, "Flood patterns"}, {tableKeys, "DKIM keys"}, {tableSigns, "DKIM patterns"},
	{tablePaused, "Paused deliveries"}, {tableDelegates, "Redirected deliveries"}, {tableLocals, "Local addresses"},
	{tableNames, "EHLO names"}, {tableDNS, "DNS overrides"}, {tableBlacklist, "Blacklist"}, {tableTokens, "API tokens"},
}

// tableInfos are the tables that people edit.
func tableInfos() []TableInfo {
	list := make([]TableInfo, 0, len(titles))
	for _, t := range titles {
		table, _ := editable(t.name)
		list = append(list, table)
	}
	return list
}

// editable is the table with a name. False: people do not edit it, or there is none.
func editable(name string) (TableInfo, bool) {
	for _, t := range titles {
		if t.name == name {
			all := Tables()
			i := slices.IndexFunc(all, func(t Table) bool { return t.Name == name })
			return editTable(all[i], t.title), true
		}
	}
	return TableInfo{}, false
}

func editTable(table Table, title string) TableInfo {
	e := TableInfo{Name: table.Name, Title: title, table: table}
	for _, c := range table.Columns {
		if !c.Primary {
			e.Columns = append(e.Columns, editColumn(table.Name, c))
		}
	}
	return e
}

// editColumn says how people see a column.
func editColumn(table string, c Column) ColumnInfo {
	e := ColumnInfo{Name: c.Name, Type: [...]string{Int: "int", Text: "text", LongText: "longtext", Time: "time"}[c.Kind], Help: helps[c.Name]}
	switch c.Name {
	case "localip", "ip", "delegate":
		e.Type = "ip"
	case "domain":
		e.Type = "domain"
	case "type":
		e.Type, e.Choices = "choice", patternTypes
		if table == tableSigns {
			e.Choices = append(slices.Clone(patternTypes), "global")
		}
	case "cluster", "verify", "report":
		e.Type = "bool"
	case "privatekey", "token":
		e.Secret = true
	}
	if slices.ContainsFunc(fields[:], func(f field) bool { return f.column == c.Name }) || c.Name == "rules_only" {
		without := int64(unset)
		e.Unset = &without
	}
	return e
}

// helps explain columns whose name does not say enough.
var helps = map[string]string{
	"localip": "one of our addresses; empty: all", "domain": "domain of recipients; empty: all", "target": "domain or remote address; empty: all",
	"tag": "empty: all", "expire": "UTC; empty: never", "pause": "seconds without deliveries", "duration": "seconds with the limits below",
	"connection_maxidletime": "milliseconds", "secure": "0 optional, 1 opportunistic, 2 required, 3 verified",
	"verify": "use the key only while its record is in the DNS", "iprange": "an address, a range a-b, or a.b.c.d/n",
	"cluster": "for all instances that share this database", "server": "server-id of the instance that it holds for; 0: all",
}

// column is the column with a name.
func (t *TableInfo) column(name string) (Column, ColumnInfo, bool) {
	i := slices.IndexFunc(t.Columns, func(c ColumnInfo) bool { return c.Name == name })
	if i < 0 {
		return Column{}, ColumnInfo{}, false
	}
	j := slices.IndexFunc(t.table.Columns, func(c Column) bool { return c.Name == name })
	return t.table.Columns[j], t.Columns[i], true
}

// open is a row for people: numbers as numbers, secrets and NULL as nil.
func (t *TableInfo) open(row Row) Cells {
	if row == nil {
		return nil
	}
	cells := make(Cells, len(t.Columns))
	for _, e := range t.Columns {
		c, _, _ := t.column(e.Name)
		text, ok := row[e.Name]
		switch {
		case !ok, e.Secret:
			cells[e.Name] = nil
		case c.Kind == Int:
			cells[e.Name] = text
			if n, err := parseWhole(strings.TrimSpace(text)); err == nil {
				cells[e.Name] = n
			}
		default:
			cells[e.Name] = text
		}
	}
	return cells
}

// has names the secret columns of a row that are not empty.
func (t *TableInfo) has(row Row) (names []string) {
	for _, e := range t.Columns {
		if e.Secret && row[e.Name] != "" {
			names = append(names, e.Name)
		}
	}
	return names
}

// read makes cells of what people, or programs, gave: string, number, bool or nil.
func (t *TableInfo) read(given Cells) (Cells, error) {
	cells := make(Cells, len(given))
	for name, value := range given {
		c, e, ok := t.column(name)
		if !ok {
			return nil, &CellError{name, "there is no such column"}
		}
		cell, wrong := c.cell(value)
		if wrong != "" {
			return nil, &CellError{name, wrong}
		}
		if text, ok := cell.(string); ok && e.Type == "choice" && text != "" && !slices.Contains(e.Choices, text) {
			return nil, &CellError{name, "is none of " + strings.Join(e.Choices, ", ")}
		}
		cells[name] = cell
	}
	return cells, nil
}

// cell is a value as the column keeps it, or what is wrong with it.
func (c *Column) cell(value any) (cell any, wrong string) {
	if value == nil {
		return nil, ""
	}
	switch c.Kind {
	case Int:
		return wholeCell(value)
	case Time:
		text, ok := value.(string)
		if !ok {
			return nil, "is no time"
		}
		if strings.TrimSpace(text) == "" {
			return nil, ""
		}
		t, err := parseTime(strings.TrimSpace(text))
		if err != nil {
			return nil, "is no time such as 2006-01-02 15:04:05 (UTC)"
		}
		return t.Format(mail.TimeLayout), ""
	}
	text, ok := value.(string)
	switch {
	case !ok:
		return nil, "is no text"
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return nil, "is no text that can be kept"
	case c.Kind == Text && utf8.RuneCountInString(text) > c.Size:
		return nil, fmt.Sprintf("is longer than %d characters", c.Size)
	case len(text) > 64<<10:
		return nil, "is longer than 64 KB"
	}
	return text, ""
}

func wholeCell(value any) (any, string) {
	var n int64
	var err error
	switch v := value.(type) {
	case bool:
		if v {
			n = 1
		}
	case int:
		n = int64(v)
	case int64:
		n = v
	case float64:
		n, err = parseWhole(strconv.FormatFloat(v, 'f', -1, 64))
	case json.Number:
		n, err = parseWhole(v.String())
	case string:
		if strings.TrimSpace(v) == "" {
			return nil, ""
		}
		n, err = parseWhole(strings.TrimSpace(v))
	default:
		return nil, "is no whole number"
	}
	if err != nil || n < math.MinInt32 || n > math.MaxInt32 {
		return nil, "is no whole number that the database can keep"
	}
	return n, ""
}
