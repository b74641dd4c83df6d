package settings

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// A bad row is left out with a reason that names the cell, and the good one beside it stays.
func TestBadRows(t *testing.T) {
	good := map[string]Row{
		"capacity":        row("capacity", "id", "1", "domain", "a.example", "domain_maxmessages", "5"),
		"flood_responses": row("flood_responses", "id", "1", "type", "substr", "pattern", "slow"),
		"delegates":       {"id": "1", "localip": "192.0.2.1", "delegate": "192.0.2.2"},
		"paused":          {"id": "1", "target": "a.example"},
		"mtanames":        {"id": "1", "ip": "192.0.2.1", "name": "mx.example.com"},
		"dns":             {"id": "1", "domain": "a.example", "ip": "198.51.100.1"},
		"locals":          {"id": "1", "type": "exact", "address": "desk@shop.test"},
		"blacklist":       {"id": "1", "iprange": "198.51.100.0/24"},
	}
	for _, c := range []struct{ table, column, value, reason string }{
		{"capacity", "id", "NULL", "no id"},
		{"capacity", "id", "1", "another row"},
		{"capacity", "id", "two", "id = \"two\""},
		{"capacity", "domain", "a b", "domain"},
		{"capacity", "localip", "localhost", "localip"},
		{"capacity", "domain_maxmessages", "-2", "domain_maxmessages"},
		{"capacity", "domain_maxmessages", "lots", "domain_maxmessages"},
		{"capacity", "ip_maxbytes", "1e300", "ip_maxbytes"},
		{"capacity", "domain_maxbytes", "9999999999999999", "domain_maxbytes"},
		{"capacity", "secure", "4", "secure"},
		{"capacity", "sortorder", "x", "sortorder"},
		{"capacity", "rules_only", "maybe", "rules_only"},
		{"flood_responses", "type", "", "none of exact"},
		{"flood_responses", "type", "perl", "none of exact"},
		{"flood_responses", "pattern", "", "empty"},
		{"flood_responses", "pause", "-1", "pause"},
		{"flood_responses", "duration", "1.5", "duration"},
		{"flood_responses", "name", "a\r\nb", "name"},
		{"delegates", "delegate", "NULL", "delegate"},
		{"delegates", "delegate", "a.example", "delegate"},
		{"delegates", "expire", "tomorrow", "expire"},
		{"paused", "target", "not a domain", "target"},
		{"paused", "target", "fe80::1%eth0", "target"},
		{"paused", "tag", "a\nb", "tag"},
		{"paused", "localip", "a.example", "localip"},
		{"paused", "server", "me", "server"},
		{"paused", "cluster", "x", "cluster"},
		{"paused", "expire", "2026-99-01 00:00:00", "expire"},
		{"mtanames", "name", "mx.example.com\r\nRSET", "name"},
		{"mtanames", "name", "mx example", "name"},
		{"mtanames", "name", "a_b.example", "name"},
		{"mtanames", "name", "[192.0.2.1]", "name"},
		{"mtanames", "name", "", "name"},
		{"mtanames", "ip", "", "ip"},
		{"mtanames", "ip", "::ffff:192.0.2.1", "another row"},
		{"dns", "domain", "*", "domain"},
		{"dns", "ip", "NULL", "ip"},
		{"dns", "ip", "mx.example", "ip"},
		{"dns", "priority", "high", "priority"},
		{"locals", "type", "", "none of exact"},
		{"locals", "type", "global", "none of exact"},
		{"locals", "type", "domain", "none of exact"},
		{"locals", "address", "shop.test", "*@ in front"},
		{"locals", "address", "NULL", "*@ in front"},
		{"locals", "address", "a@b@", "*@ in front"},
		{"blacklist", "iprange", "NULL", "no range"},
		{"blacklist", "iprange", "spam.test", "no range"},
		{"blacklist", "iprange", "192.0.2.9-192.0.2.1", "no range"},
		{"blacklist", "iprange", "192.0.2.1-2001:db8::", "no range"},
		{"blacklist", "iprange", "192.0.2.0/33", "no range"},
		{"blacklist", "iprange", "fe80::1%eth0", "no range"},
		{"blacklist", "iprange", "::ffff:0.0.0.0/95", "no range"},
	} {
		bad := row(c.table)
		for k, v := range good[c.table] {
			bad[k] = v
		}
		bad["id"], bad[c.column] = "2", c.value
		if c.column == "id" {
			bad["id"] = c.value
		}
		if c.value == "NULL" {
			delete(bad, c.column)
		}
		got := newContents(map[string][]Row{c.table: {good[c.table], bad}}, 1)
		if c.table == "mtanames" && c.column != "ip" {
			bad["ip"] = "192.0.2.9"
		}
		if len(got.bad) != 1 || got.bad[0].table != c.table || !strings.Contains(got.bad[0].reason, c.reason) {
			t.Errorf("%s.%s = %q: %+v", c.table, c.column, c.value, got.bad)
			continue
		}
		if c.column != "id" && got.bad[0].id != "2" {
			t.Errorf("%s.%s = %q: id %s", c.table, c.column, c.value, got.bad[0].id)
		}
		s := newSnapshot(got, 1, nil, noon)
		n := len(s.LimitedDomains()) + len(s.floods.rows) + len(s.delegates) + len(s.Pauses()) + len(s.names) + len(s.targets) +
			len(s.locals.exact) + len(s.blacklist)
		if n != 1 {
			t.Errorf("%s.%s = %q: %d rows in force", c.table, c.column, c.value, n)
		}
	}
}

func TestReasonIsShort(t *testing.T) {
	c := newContents(map[string][]Row{"paused": {{"id": "1", "target": strings.Repeat("x y", 100000)}, {"id": strings.Repeat("9", 100000)}}}, 1)
	for _, bad := range c.bad {
		if len(bad.reason)+len(bad.id) > 200 {
			t.Errorf("%d and %d bytes", len(bad.reason), len(bad.id))
		}
	}
	if len(c.bad) != 2 {
		t.Errorf("%d bad rows", len(c.bad))
	}
}

func TestPausedRows(t *testing.T) {
	rows := []Row{
		{"id": "1", "target": "Gmail.com", "localip": "*"},
		{"id": "2", "target": "::ffff:198.51.100.1", "tag": "*"},
		{"id": "3", "server": "2"},
		{"id": "4", "server": "2", "cluster": "1", "tag": "News"},
		{"id": "5", "server": "1", "cluster": "0", "localip": "2001:DB8::1"},
		{"id": "6", "server": "0", "target": "[192.0.2.9]"},
		{"id": "7", "expire": "2026-03-01 12:00:00"},
		{"id": "8", "expire": "2026-03-01T12:00:01Z", "tag": "x"},
	}
	want := []Pause{
		{ID: 1, Domain: "gmail.com"}, {ID: 2, Remote: netip.MustParseAddr("198.51.100.1")}, {ID: 4, Tag: "News"}, {ID: 5, Source: ip6},
		{ID: 6, Domain: "[192.0.2.9]"}, {ID: 8, Tag: "x", Expire: noon.Add(time.Second)},
	}
	if got := snapshotOf(t, map[string][]Row{"paused": rows}).Pauses(); !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestDelegate(t *testing.T) {
	s := snapshotOf(t, map[string][]Row{"delegates": {
		{"id": "1", "delegate": "192.0.2.11"},
		{"id": "2", "localip": "192.0.2.1", "delegate": "192.0.2.12"},
		{"id": "3", "domain": "A.example", "delegate": "192.0.2.13"},
		{"id": "4", "localip": "192.0.2.1", "domain": "a.example", "delegate": "192.0.2.14", "expire": "2026-03-01 12:00:05"},
		{"id": "5", "localip": "192.0.2.1", "domain": "a.example", "delegate": "192.0.2.15", "expire": "2026-03-01 12:00:09"},
		{"id": "6", "localip": "192.0.2.12", "delegate": "192.0.2.16"},
	}})
	for _, c := range []struct {
		source netip.Addr
		domain string
		after  time.Duration
		want   int64
	}{
		{ip1, "a.example", 0, 4}, {ip1, "a.example", 5 * time.Second, 5}, {ip1, "a.example", 9 * time.Second, 3},
		{ip1, "b.example", 0, 2}, {ip2, "a.example", 0, 3}, {ip2, "b.example", 0, 1}, {none, "b.example", 0, 1},
	} {
		to, id, ok := s.Delegate(c.source, c.domain, noon.Add(c.after))
		if want := netip.AddrFrom4([4]byte{192, 0, 2, byte(10 + c.want)}); !ok || id != c.want || to != want {
			t.Errorf("%v %s after %v: %v %d %v", c.source, c.domain, c.after, to, id, ok)
		}
	}
	if _, _, ok := Empty().Delegate(ip1, "a.example", noon); ok {
		t.Error("a delegate without rows")
	}
}

func TestNamesAndOverrides(t *testing.T) {
	s := snapshotOf(t, map[string][]Row{
		"mtanames": {{"id": "1", "ip": "::ffff:192.0.2.1", "name": "MX1.Bücher.example."}, {"id": "2", "ip": "2001:db8::1", "name": "mx2.example"}},
		"dns": {
			{"id": "1", "domain": "A.example", "ip": "198.51.100.3", "priority": "20"},
			{"id": "2", "domain": "a.example", "ip": "198.51.100.1", "priority": "10"},
			{"id": "3", "domain": "a.example", "ip": "2001:db8::2"},
			{"id": "4", "domain": "a.example", "ip": "198.51.100.2", "priority": "10"},
			{"id": "5", "domain": "a.example", "ip": "::ffff:198.51.100.1", "priority": "30"},
			{"id": "6", "domain": "b.example", "ip": "198.51.100.1", "priority": "-5"},
		},
	})
	if s.Name(ip1) != "mx1.xn--bcher-kva.example" || s.Name(ip6) != "mx2.example" || s.Name(ip2) != "" {
		t.Errorf("%q %q %q", s.Name(ip1), s.Name(ip6), s.Name(ip2))
	}
	want := []Target{
		{netip.MustParseAddr("2001:db8::2"), 0}, {netip.MustParseAddr("198.51.100.1"), 10}, {netip.MustParseAddr("198.51.100.2"), 10},
		{netip.MustParseAddr("198.51.100.3"), 20},
	}
	if got := s.Override("a.example"); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if got := s.Override("b.example"); len(got) != 1 || got[0].Priority != -5 || s.Override("c.example") != nil {
		t.Errorf("%v", got)
	}
}
