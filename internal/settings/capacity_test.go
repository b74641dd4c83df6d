package settings

import (
	"math/rand/v2"
	"net/netip"
	"strconv"
	"testing"
	"time"
)

// cascade are rows in which each field is set by one kind of row and those below.
func cascade(t *testing.T) *Snapshot {
	return snapshotOf(t, map[string][]Row{
		"capacity": {
			row("capacity", "id", "1", "localip", "*", "domain", "", "domain_maxmessages", "1", "domain_maxconnects", "1",
				"ip_maxmessages", "1", "domain_maxqueue", "NULL", "secure", "3"),
			row("capacity", "id", "2", "localip", "::ffff:192.0.2.1", "domain_maxmessages", "2", "domain_maxconnects", "2", "secure", "2"),
			row("capacity", "id", "3", "domain", "Example.COM", "domain_maxmessages", "30",
				"connection_maxidletime", "1500", "connection_spread", "1", "secure", "0"),
			row("capacity", "id", "4", "localip", "192.0.2.1", "domain", "example.com", "domain_maxmessages", "0", "domain_maxconnections", "4"),
			row("capacity", "id", "5", "domain", "bücher.example", "domain_maxmessages", "20",
				"timeout_data", "60", "offline_time", "30", "connection_minmessages", "9"),
			row("capacity", "id", "6", "domain", "aside.example", "domain_maxmessages", "7", "rules_only", "1"),
		},
		"flood_responses": {
			row("flood_responses", "id", "1", "type", "substr", "pattern", "slow", "domain_maxmessages", "5", "duration", "60"),
			row("flood_responses", "id", "2", "type", "substr", "pattern", "slower", "domain_maxmessages", "0", "ip_maxstarting", "3", "duration", "60"),
			row("flood_responses", "id", "3", "type", "substr", "pattern", "fast", "domain_maxmessages", "9", "duration", "60"),
		},
	})
}

func TestCascade(t *testing.T) {
	s := cascade(t)
	const com, book = "example.com", "xn--bcher-kva.example"
	cases := []struct {
		name    string
		source  netip.Addr
		domains []string
		floods  []int64
		want    func(*Limits)
	}{
		{"default row", ip2, nil, nil, func(l *Limits) {}},
		{"unknown source", none, []string{"other.example"}, nil, func(l *Limits) {}},
		{"source", ip1, nil, nil, func(l *Limits) { l.Domain.Messages, l.Domain.Connects, l.Security = 2, 2, Required }},
		{"domain", ip2, []string{com}, nil, func(l *Limits) {
			l.Domain.Messages, l.IdleTime, l.Spread, l.Security = 30, 1500*time.Millisecond, true, Optional
		}},
		{"pair; unlimited is set", ip1, []string{com}, nil, func(l *Limits) {
			l.Domain = Counts{Messages: 0, Connects: 2, Connections: 4}
			l.IdleTime, l.Spread, l.Security = 1500*time.Millisecond, true, Optional
		}},
		{"mapped source", netip.MustParseAddr("::ffff:192.0.2.1"), nil, nil, func(l *Limits) {
			l.Domain.Messages, l.Domain.Connects, l.Security = 2, 2, Required
		}},
		{"group: the lower, unlimited is the highest", ip1, []string{com, book}, nil, func(l *Limits) {
			l.Domain = Counts{Messages: 20, Connects: 2, Connections: 4}
			l.IdleTime, l.Spread, l.Security = 1500*time.Millisecond, true, Optional
			l.Timeouts.Data, l.Offline, l.MinMessages = time.Minute, 30*time.Second, 9
		}},
		{"rules only", ip2, []string{"aside.example"}, nil, func(l *Limits) {}},
		{"flood", ip2, nil, []int64{1}, func(l *Limits) { l.Domain.Messages = 5 }},
		{"flood lifts a limit", ip2, nil, []int64{2}, func(l *Limits) { l.Domain.Messages, l.Remote.Starting = 0, 3 }},
		{"several floods", ip2, nil, []int64{3, 2, 1, 99}, func(l *Limits) { l.Domain.Messages, l.Remote.Starting = 5, 3 }},
	}
	for _, c := range cases {
		want := Defaults()
		want.Domain.Messages, want.Domain.Connects, want.Remote.Messages, want.Memory, want.Security = 1, 1, 1, 0, Verified
		c.want(&want)
		if got := s.Limits(c.source, c.domains, c.floods); got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", c.name, got, want)
		}
	}
}

func TestSecurityIsOfTheDomainAlone(t *testing.T) {
	s := cascade(t)
	for _, c := range []struct {
		source netip.Addr
		domain string
		want   Security
	}{
		{ip1, "example.com", Optional}, {ip1, "xn--bcher-kva.example", Required},
		{ip2, "xn--bcher-kva.example", Verified}, {none, "other.example", Verified},
	} {
		if got := s.Security(c.source, c.domain); got != c.want {
			t.Errorf("%v %s: %v", c.source, c.domain, got)
		}
	}
	if got := Empty().Security(ip1, "example.com"); got != Opportunistic {
		t.Errorf("without rows: %v", got)
	}
}

func TestExplain(t *testing.T) {
	s := cascade(t)
	found := map[string]LimitField{}
	for _, f := range s.ExplainLimits(ip1, []string{"example.com", "xn--bcher-kva.example"}, []int64{2}) {
		found[f.Name] = f
	}
	if len(found) != int(numFields) {
		t.Fatalf("%d fields", len(found))
	}
	for _, want := range []LimitField{
		{"domain_maxmessages", "unlimited", "flood_responses 2"},
		{"domain_maxconnects", "2", "capacity 2"},
		{"domain_maxconnections", "4", "capacity 4"},
		{"ip_maxmessages", "1", "capacity 1"},
		{"ip_maxstarting", "3", "flood_responses 2"},
		{"connection_maxidletime", "1.5s", "capacity 3"},
		{"connection_spread", "yes", "capacity 3"},
		{"connection_minmessages", "9", "capacity 5"},
		{"secure", "optional", "capacity 3"},
		{"domain_maxqueue", "unlimited", "capacity 1"},
		{"offline_time", "30s", "capacity 5"},
		{"timeout_data", "1m0s", "capacity 5"},
		{"timeout_connect", "standard", "built-in"},
		{"ip_maxidle", "unlimited", "built-in"},
	} {
		if found[want.Name] != want {
			t.Errorf("%+v, want %+v", found[want.Name], want)
		}
	}
}

func TestEqualRowsInTheOrderOfTheList(t *testing.T) {
	s := snapshotOf(t, map[string][]Row{"capacity": {
		row("capacity", "id", "1", "domain", "a.example", "sortorder", "2", "domain_maxmessages", "1", "ip_maxidle", "8"),
		row("capacity", "id", "2", "domain", "A.example", "sortorder", "1", "domain_maxmessages", "5"),
		row("capacity", "id", "3", "domain", "a.example", "sortorder", "1", "domain_maxmessages", "6", "ip_maxidle", "9"),
	}})
	l := s.Limits(ip1, []string{"a.example"}, nil)
	if l.Domain.Messages != 5 || l.Remote.Idle != 9 {
		t.Errorf("%+v", l)
	}
	for _, f := range s.ExplainLimits(ip1, []string{"a.example"}, nil) {
		if f.Name == "domain_maxmessages" && f.From != "capacity 2" || f.Name == "ip_maxidle" && f.From != "capacity 3" {
			t.Errorf("%+v", f)
		}
	}
}

func TestLimitedDomains(t *testing.T) {
	s := cascade(t)
	got := s.LimitedDomains()
	if len(got) != 2 || got[0] != "example.com" || got[1] != "xn--bcher-kva.example" {
		t.Errorf("%v", got)
	}
	if !s.HasLimits("example.com") || s.HasLimits("aside.example") || s.HasLimits("") {
		t.Error("HasLimits")
	}
}

// governs says that nothing more specific sets the field for this source and domain.
func governs(rows []*limitRow, r *limitRow, source netip.Addr, domain string, field int) bool {
	weight := func(r *limitRow) int {
		n := 0
		if r.source.IsValid() {
			n++
		}
		if r.domain != "" {
			n += 2
		}
		return n
	}
	fits := func(r *limitRow) bool {
		return (!r.source.IsValid() || r.source == source) && (r.domain == "" || r.domain == domain) && r.values[field] != unset
	}
	for _, other := range rows {
		if fits(other) && weight(other) > weight(r) {
			return false
		}
	}
	return fits(r)
}

// No field of a group ever exceeds what a row says that governs one of its domains by name; and if no row names one of them, it is
// exactly that of the row that governs.
func TestLimitsNeverExceedARowThatGoverns(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	sources := []netip.Addr{none, ip1, ip2}
	domains := []string{"", "a.example", "b.example", "c.example"}
	for range 300 {
		byPair, plain := map[pair]bool{}, []*limitRow{}
		var table []Row
		for id := range random.IntN(12) {
			r := &limitRow{id: int64(id + 1), pair: pair{sources[random.IntN(3)], domains[random.IntN(4)]}, values: nothing()}
			if byPair[r.pair] {
				continue
			}
			byPair[r.pair] = true
			cells := []string{"id", strconv.Itoa(id + 1), "localip", addrText(r.source), "domain", r.domain}
			for f := range fields {
				r.values[f] = int64(random.IntN(5) - 1)
				if fields[f].unit == security {
					r.values[f] = min(r.values[f], 3)
				}
				cells = append(cells, fields[f].column, strconv.FormatInt(r.values[f], 10))
			}
			plain, table = append(plain, r), append(table, row("capacity", cells...))
		}
		s := snapshotOf(t, map[string][]Row{"capacity": table})
		group := domains[1 : 1+random.IntN(4)]
		source := sources[random.IntN(3)]
		got := s.capacity.resolve(source, group, nil, nil)
		checkGoverned(t, plain, source, group, &got)
	}
}

func checkGoverned(t *testing.T, rows []*limitRow, source netip.Addr, group []string, got *values) {
	t.Helper()
	for f := range fields {
		named := false
		for _, r := range rows {
			for _, domain := range group {
				if r.domain == "" || !governs(rows, r, source, domain, f) {
					continue
				}
				named = true
				if fields[f].gentler(got[f], r.values[f]) != got[f] {
					t.Fatalf("%s = %d, but row %d of %v says %d", fields[f].column, got[f], r.id, r.pair, r.values[f])
				}
			}
		}
		for _, r := range rows {
			if !named && governs(rows, r, source, "no row names this", f) && got[f] != r.values[f] {
				t.Fatalf("%s = %d, but row %d of %v says %d", fields[f].column, got[f], r.id, r.pair, r.values[f])
			}
		}
	}
}

// Of two domains of a group that both say something, the value counts that is easier on the receiver.
func TestGroupIsGentle(t *testing.T) {
	gentle := func(a, b string) Limits {
		rows := []Row{{"id": "1", "domain": "a.example"}, {"id": "2", "domain": "b.example"}}
		for i, value := range []string{a, b} {
			for _, f := range fields {
				rows[i][f.column] = value
			}
		}
		return snapshotOf(t, map[string][]Row{"capacity": rows}).Limits(ip1, []string{"a.example", "b.example"}, nil)
	}
	want := Limits{
		Domain: Counts{2, 2, 2, 2, 2, 2}, Remote: Counts{2, 2, 2, 2, 2, 2}, ConnMessages: 2, ConnBytes: 2, MinMessages: 3, Spread: true,
		IdleTime: 2 * time.Millisecond, Memory: 2, MemoryFirst: 2, MemoryRetries: 2, Offline: 3 * time.Second, Security: Verified,
		Timeouts: Timeouts{2 * time.Second, 2 * time.Second, 2 * time.Second, 2 * time.Second, 2 * time.Second},
	}
	if a, b := gentle("2", "3"), gentle("3", "2"); a != want || b != want {
		t.Errorf("\n got %+v\n and %+v\nwant %+v", a, b, want)
	}
	want.Spread, want.MinMessages, want.Offline, want.Security = false, 2, 2*time.Second, Required
	if a, b := gentle("2", "0"), gentle("0", "2"); a != want || b != want {
		t.Errorf("0 and 2:\n got %+v\n and %+v\nwant %+v", a, b, want)
	}
}
