package settings

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"
)

func withPauses(list ...Pause) *Snapshot {
	return newSnapshot(&contents{paused: list}, 1, nil, noon)
}

func TestPaused(t *testing.T) {
	remote := netip.MustParseAddr("198.51.100.1")
	soon := noon.Add(time.Minute)
	for _, c := range []struct {
		name   string
		pauses []Pause
		tags   []string
		now    time.Time
		want   int64 // 0 = goes on
	}{
		{"nothing", nil, []string{"a"}, noon, 0},
		{"everything", []Pause{{ID: 1}}, nil, noon, 1},
		{"source", []Pause{{ID: 1, Source: ip2}, {ID: 2, Source: ip1}}, nil, noon, 2},
		{"domain", []Pause{{ID: 1, Domain: "b.example"}, {ID: 2, Domain: "a.example"}}, nil, noon, 2},
		{"pair", []Pause{{ID: 1, Source: ip1, Domain: "b.example"}, {ID: 2, Source: ip1, Domain: "a.example"}}, nil, noon, 2},
		{"pair, other source", []Pause{{ID: 1, Source: ip2, Domain: "a.example"}}, nil, noon, 0},
		{"tag", []Pause{{ID: 1, Tag: "a"}}, []string{"b", "a"}, noon, 1},
		{"tag, case counts", []Pause{{ID: 1, Tag: "A"}}, []string{"a"}, noon, 0},
		{"tag, no tags", []Pause{{ID: 1, Tag: "a"}}, nil, noon, 0},
		{"tag and pair", []Pause{{ID: 1, Source: ip1, Domain: "a.example", Tag: "a"}}, []string{"a"}, noon, 1},
		{"tag and other domain", []Pause{{ID: 1, Domain: "b.example", Tag: "a"}}, []string{"a"}, noon, 0},
		{"without tag first", []Pause{{ID: 1, Tag: "a"}, {ID: 2, Source: ip1, Domain: "a.example"}}, []string{"a"}, noon, 2},
		{"an empty tag is none", []Pause{{ID: 1, Source: ip2}}, []string{""}, noon, 0},
		{"remote address", []Pause{{ID: 1, Remote: remote}}, nil, noon, 0},
		{"ended at build", []Pause{{ID: 1, Expire: noon}}, nil, noon, 0},
		{"ends later", []Pause{{ID: 1, Expire: soon}}, nil, soon.Add(-1), 1},
		{"ended since", []Pause{{ID: 1, Expire: soon}}, nil, soon, 0},
		{"the longer one counts", []Pause{{ID: 1, Expire: soon}, {ID: 2, Expire: soon.Add(1)}, {ID: 3, Expire: soon}}, nil, soon, 2},
		{"without end is longest", []Pause{{ID: 1, Expire: soon}, {ID: 2}, {ID: 3, Expire: soon}}, nil, soon, 2},
		{"ended, a wider one holds", []Pause{{ID: 1, Source: ip1, Expire: soon}, {ID: 2, Domain: "a.example"}}, nil, soon, 2},
	} {
		p, ok := withPauses(c.pauses...).Paused(ip1, "a.example", c.tags, c.now)
		if p.ID != c.want || ok != (c.want != 0) {
			t.Errorf("%s: %+v, %v", c.name, p, ok)
		}
	}
}

func TestPausedRemotes(t *testing.T) {
	a, b, c := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("198.51.100.2"), netip.MustParseAddr("2001:db8::9")
	s := withPauses(
		Pause{ID: 1, Remote: b}, Pause{ID: 2, Source: ip1, Remote: a}, Pause{ID: 3, Source: ip1, Remote: b}, Pause{ID: 4, Tag: "x", Remote: c},
		Pause{ID: 5, Source: ip2, Remote: c, Expire: noon.Add(time.Second)},
	)
	for _, want := range []struct {
		source netip.Addr
		tags   []string
		now    time.Time
		list   []netip.Addr
	}{
		{ip1, nil, noon, []netip.Addr{a, b}}, {none, nil, noon, []netip.Addr{b}}, {ip6, []string{"y", "x"}, noon, []netip.Addr{b, c}},
		{ip2, nil, noon, []netip.Addr{b, c}}, {ip2, nil, noon.Add(time.Second), []netip.Addr{b}},
		{netip.MustParseAddr("::ffff:192.0.2.1"), nil, noon, []netip.Addr{a, b}},
	} {
		if got := s.PausedRemotes(want.source, want.tags, want.now); !slices.Equal(got, want.list) {
			t.Errorf("%v %v: %v", want.source, want.tags, got)
		}
	}
	if _, ok := s.Paused(ip1, "a.example", []string{"x"}, noon); ok || !s.HasTagPauses() {
		t.Error("a pause of a remote address stops everything, or its tag is not seen")
	}
	if got := withPauses(Pause{}).PausedRemotes(ip1, nil, noon); got != nil || withPauses(Pause{}).HasTagPauses() {
		t.Errorf("%v", got)
	}
}

// The tables of pauses answer as going through the list does.
func TestPausedAsWritten(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	addrs, domains, tags := []netip.Addr{none, ip1, ip2}, []string{"", "a", "b"}, []string{"", "x", "y"}
	for range 3000 {
		var list []Pause
		for range random.IntN(5) {
			p := Pause{Source: addrs[random.IntN(3)], Domain: domains[random.IntN(3)], Tag: tags[random.IntN(3)]}
			if random.IntN(2) == 0 {
				p.Expire = noon.Add(time.Duration(random.IntN(3)) * time.Second)
			}
			if p.Domain == "" && random.IntN(3) == 0 {
				p.Remote = ip6
			}
			list = append(list, p)
		}
		s, source, domain := withPauses(list...), addrs[1+random.IntN(2)], domains[1+random.IntN(2)]
		now := noon.Add(time.Duration(random.IntN(3)) * time.Second)
		mine := tags[1 : 1+random.IntN(3)]
		stopped, untagged, remote := false, false, false
		for _, p := range list {
			if !p.over(now) && (!p.Source.IsValid() || p.Source == source) &&
				(p.Domain == "" || p.Domain == domain) && (p.Tag == "" || slices.Contains(mine, p.Tag)) {
				stopped = stopped || !p.Remote.IsValid()
				untagged = untagged || !p.Remote.IsValid() && p.Tag == ""
				remote = remote || p.Remote.IsValid()
			}
		}
		p, ok := s.Paused(source, domain, mine, now)
		if ok != stopped || ok && untagged != (p.Tag == "") || remote != (len(s.PausedRemotes(source, mine, now)) > 0) {
			t.Fatalf("%+v\n%v %s %v: %+v %v, want %v", list, source, domain, mine, p, ok, stopped)
		}
	}
}

func TestNextExpiry(t *testing.T) {
	c := &contents{
		paused:    []Pause{{Expire: noon.Add(3 * time.Second)}, {Expire: noon.Add(-time.Second)}, {}, {ID: 2, Expire: noon.Add(time.Second)}},
		delegates: newDelegates([]delegate{{to: ip1, expire: noon.Add(2 * time.Second)}, {to: ip1}, {to: ip1, expire: noon}}),
	}
	s := newSnapshot(c, 1, nil, noon)
	for after, want := range map[time.Duration]time.Duration{-5 * time.Second: 1, 0: 1, time.Second: 2, 2500 * time.Millisecond: 3} {
		if got := s.NextExpiry(noon.Add(after)); !got.Equal(noon.Add(want * time.Second)) {
			t.Errorf("after %v: %v", after, got)
		}
	}
	if got := s.NextExpiry(noon.Add(3 * time.Second)); !got.IsZero() {
		t.Errorf("%v", got)
	}
	if len(s.Pauses()) != 3 {
		t.Errorf("%+v", s.Pauses())
	}
}
