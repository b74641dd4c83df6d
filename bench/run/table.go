package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// table gathers the figures of all repeats.
type table struct {
	columns []column
	rows    []row
	figures map[string]map[int]figures // by row and repeat
}

func newTable(columns []column, rows []row) *table {
	t := &table{columns: columns, rows: rows, figures: map[string]map[int]figures{}}
	for _, r := range rows {
		t.figures[r.name] = map[int]figures{}
	}
	return t
}

func (t *table) add(r row, repeat int, f figures) { t.figures[r.name][repeat] = f }

// column is one figure of a row.
type column struct {
	head string
	form string
	of   func(figures) float64
}

func rate(f figures) float64 { return f.rate }
func own(f figures) float64  { return f.own }

var speedColumns = []column{
	{"messages/s", "%.0f", rate},
	{"accepted/s", "%.0f", func(f figures) float64 { return f.accepted }},
	{"CPU µs", "%.0f", own},
	{"broker µs", "%.0f", func(f figures) float64 { return f.broker }},
	{"sink µs", "%.0f", func(f figures) float64 { return f.sink }},
	{"peak MiB", "%.0f", func(f figures) float64 { return f.memory }},
	{"round trips", "%.2f", func(f figures) float64 { return f.trips }},
	{"connections", "%.0f", func(f figures) float64 { return f.connections }},
}

func (t *table) print(w io.Writer) {
	tw := tabwriter.NewWriter(w, 2, 0, 2, ' ', 0)
	fmt.Fprint(tw, "row")
	for _, c := range t.columns {
		fmt.Fprint(tw, "\t", c.head)
	}
	fmt.Fprintln(tw, "\tmessages/s by\tCPU µs by\tby what")
	for _, r := range t.rows {
		fmt.Fprint(tw, r.name)
		for _, c := range t.columns {
			fmt.Fprint(tw, "\t", t.figure(r, c))
		}
		for _, of := range []func(figures) float64{rate, own} {
			fmt.Fprint(tw, "\t", t.ratio(r, of))
		}
		fmt.Fprintln(tw, "\t"+r.against)
	}
	_ = tw.Flush() // a terminal that is gone
}

// figure leaves out what the row does not have.
func (t *table) figure(r row, c column) string {
	var list []float64
	for _, f := range t.figures[r.name] {
		if v := c.of(f); v > 0 {
			list = append(list, v)
		}
	}
	return median(c.form, list)
}

// ratio compares a row with another of the same repeats.
func (t *table) ratio(r row, of func(figures) float64) string {
	var list []float64
	for repeat, f := range t.figures[r.name] {
		if other, ok := t.figures[r.against][repeat]; ok && of(other) > 0 {
			list = append(list, of(f)/of(other))
		}
	}
	return median("%.2f", list)
}

// median with the lowest and the highest in brackets.
func median(form string, list []float64) string {
	if len(list) == 0 {
		return "-"
	}
	slices.Sort(list)
	m := list[len(list)/2]
	if len(list)%2 == 0 {
		m = (m + list[len(list)/2-1]) / 2
	}
	if len(list) == 1 {
		return fmt.Sprintf(form, m)
	}
	return fmt.Sprintf(form+" ["+form+"-"+form+"]", m, list[0], list[len(list)-1])
}
