package settings

import (
	"slices"
	"testing"
)

func TestTables(t *testing.T) {
	var names []string
	for _, table := range Tables() {
		names = append(names, table.Name)
		seen := map[string]bool{}
		for _, c := range table.Columns {
			if seen[c.Name] {
				t.Errorf("%s has %s twice", table.Name, c.Name)
			}
			seen[c.Name] = true
			if c.Kind == Text && c.Size == 0 {
				t.Errorf("%s.%s has no size", table.Name, c.Name)
			}
		}
		if seen["id"] != (table.Name != "ips") {
			t.Errorf("%s: the column id", table.Name)
		}
	}
	want := []string{"capacity", "flood_responses", "ips", "dkim_keys", "dkim_patterns", "locals", "delegates", "paused", "mtanames", "dns", "blacklist", "tokens", "audit"}
	if !slices.Equal(names, want) {
		t.Errorf("tables %v", names)
	}
	if len(tables()) != 11 {
		t.Errorf("%d tables are read", len(tables()))
	}
}

func TestLimitColumnsAreUnsetByDefault(t *testing.T) {
	for _, table := range Tables()[:2] {
		n := 0
		for _, c := range table.Columns {
			if c.HasDefault && c.Default == unset {
				n++
			}
		}
		if n < int(numFields) {
			t.Errorf("%s: %d columns with -1", table.Name, n)
		}
	}
}

func TestBuiltInValuesAreTheDefaults(t *testing.T) {
	v := builtIns()
	if v.limits() != Defaults() {
		t.Errorf("%+v\n%+v", v.limits(), Defaults())
	}
	if got := Empty().Limits(ip1, []string{"example.com"}, []int64{1}); got != Defaults() {
		t.Errorf("without rows: %+v", got)
	}
}
