package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// fairTable gathers the figures of all repeats.
type fairTable struct {
	rows    []fairRow
	figures map[string]map[int]fairFigures // by row and repeat
}

func newFairTable(rows []fairRow) *fairTable {
	t := &fairTable{rows: rows, figures: map[string]map[int]fairFigures{}}
	for _, r := range rows {
		t.figures[r.name] = map[int]fairFigures{}
	}
	return t
}

func (t *fairTable) add(r fairRow, repeat int, f fairFigures) { t.figures[r.name][repeat] = f }

// fairColumn is a figure of a row, and what it is divided by in the same repeat.
type fairColumn struct {
	head, by string
	of       func(fairFigures) float64
	against  func(fairRow) string
}

var fairColumns = []fairColumn{
	{"parked/s", "by bare", func(f fairFigures) float64 { return f.parked }, func(r fairRow) string { return r.parking }},
	{"others/s", "by alone", func(f fairFigures) float64 { return f.others }, func(r fairRow) string { return r.alone }},
	{"peak RSS MiB", "by a quarter", func(f fairFigures) float64 { return f.memory }, func(r fairRow) string { return r.smaller }},
}

func (t *fairTable) print(w io.Writer) {
	tw := tabwriter.NewWriter(w, 2, 0, 2, ' ', 0)
	fmt.Fprint(tw, "row")
	for _, c := range fairColumns {
		fmt.Fprint(tw, "\t", c.head, "\t", c.by)
	}
	fmt.Fprintln(tw)
	for _, r := range t.rows {
		fmt.Fprint(tw, r.name)
		for _, c := range fairColumns {
			fmt.Fprint(tw, "\t", t.figure(r, c), "\t", t.ratio(r, c))
		}
		fmt.Fprintln(tw)
	}
	_ = tw.Flush() // a terminal that is gone
}

// figure leaves out what the row does not have.
func (t *fairTable) figure(r fairRow, c fairColumn) string {
	var list []float64
	for _, f := range t.figures[r.name] {
		if v := c.of(f); v > 0 {
			list = append(list, v)
		}
	}
	return median("%.0f", list)
}

func (t *fairTable) ratio(r fairRow, c fairColumn) string {
	var list []float64
	for repeat, f := range t.figures[r.name] {
		if other := c.of(t.figures[c.against(r)][repeat]); other > 0 {
			list = append(list, c.of(f)/other)
		}
	}
	return median("%.2f", list)
}
