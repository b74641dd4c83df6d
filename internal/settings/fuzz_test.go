package settings

import (
	"fmt"
	"strings"
	"testing"
)

// Cells of any text in any table: never a panic, at most one reason for a row, and what is in force can be asked.
func FuzzRow(f *testing.F) {
	for _, t := range tables() {
		f.Add(t.Name, "1", "192.0.2.1", "5", "2026-03-01 12:00:00")
		f.Add(t.Name, "x", "a.example", "-1", "0000-00-00")
		f.Add(t.Name, "", "*", "1e9", "")
		f.Add(t.Name, "2", "/(a|b)+[c/i", "9223372036854775807", "\xff\r\n")
		f.Add(t.Name, "3", "[!", "-9223372036854775808", "a[!]b*")
	}
	f.Fuzz(func(t *testing.T, table, a, b, c, d string) {
		cells := []string{a, b, c, d}
		for shift := range cells {
			r := Row{}
			for _, def := range Tables() {
				for i, column := range def.Columns {
					if def.Name == table {
						r[column.Name] = cells[(i+shift)%len(cells)]
					}
				}
			}
			for _, kind := range []string{r["type"], "exact", "substr", "fnmatch", "regex"} {
				r["type"] = kind
				checkRow(t, table, r)
			}
		}
	})
}

func checkRow(t *testing.T, table string, r Row) {
	t.Helper()
	rows := map[string][]Row{table: {r, {"id": "77"}}}
	c := newContents(rows, 1)
	if len(c.bad) > 2 {
		t.Fatalf("%d reasons", len(c.bad))
	}
	for _, bad := range c.bad {
		if bad.table != table || bad.reason == "" || strings.ContainsAny(bad.id, "\r\n") || strings.ContainsAny(bad.reason, "\r") {
			t.Fatalf("%+v", bad)
		}
	}
	s := newSnapshot(c, 1, nil, noon)
	for _, domain := range append(s.LimitedDomains(), "a.example") {
		l := s.Limits(ip1, []string{domain}, []int64{1, 2, 3, 77})
		if l.Domain.Messages < 0 || l.Remote.Bytes < 0 || l.IdleTime < 0 || l.Offline < 0 || l.Security > Verified || l.Timeouts.Data < 0 {
			t.Fatalf("%+v", l)
		}
		s.Paused(ip1, domain, []string{"x"}, noon)
		s.Delegate(ip1, domain, noon)
		for _, target := range s.Override(domain) {
			if !target.Addr.IsValid() {
				t.Fatal("a target that is no address")
			}
		}
	}
	s.Floods(r["pattern"], 421, r["name"])
	s.PausedRemotes(ip1, nil, noon)
	if name := s.Name(ip1); strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		t.Fatalf("%q in EHLO", name)
	}
	if !sumsOf(rows).equal(sumsOf(rows)) {
		t.Fatal("equal rows differ")
	}
	_ = fmt.Sprint(s.ExplainLimits(ip1, nil, []int64{1}))
}
