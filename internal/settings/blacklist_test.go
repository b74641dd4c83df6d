package settings

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
)

func TestBlacklist(t *testing.T) {
	for _, c := range []struct{ ranges, in, out string }{
		{"192.0.2.1", "192.0.2.1 ::ffff:192.0.2.1", "192.0.2.0 192.0.2.2 ::1"},
		{"192.0.2.0/24", "192.0.2.0 192.0.2.255", "192.0.1.255 192.0.3.0"},
		{"192.0.2.77/24", "192.0.2.0 192.0.2.255", "192.0.1.255"},
		{"192.0.2.5-192.0.2.7", "192.0.2.5 192.0.2.6 192.0.2.7", "192.0.2.4 192.0.2.8"},
		{" 192.0.2.5 - 192.0.2.7 ", "192.0.2.6", "192.0.2.8"},
		{"::ffff:192.0.2.0/120", "192.0.2.9", "192.0.3.1 ::"},
		{"2001:db8::/32", "2001:db8:: 2001:db8:ffff::1", "2001:db9:: 192.0.2.1"},
		{"0.0.0.0/0", "0.0.0.0 255.255.255.255", ":: ::1 2001:db8::"},
		{"::/0", ":: 2001:db8::", "0.0.0.0 255.255.255.255"},
		{"10.0.0.0/8;10.1.0.0/16;10.255.255.255-11.0.0.3;11.0.0.4", "10.0.0.0 10.200.0.0 11.0.0.4", "9.255.255.255 11.0.0.5"},
		{"fe80::1", "fe80::1%eth0 fe80::1", "fe80::2%eth0"},
		{"", "", "192.0.2.1 ::1"},
	} {
		var rows []Row
		for i, r := range strings.Split(c.ranges, ";") {
			if r != "" {
				rows = append(rows, Row{"id": fmt.Sprint(i), "iprange": r})
			}
		}
		s := snapshotOf(t, map[string][]Row{"blacklist": rows})
		for _, ip := range strings.Fields(c.in) {
			if !s.Blacklisted(netip.MustParseAddr(ip)) {
				t.Errorf("%s does not have %s", c.ranges, ip)
			}
		}
		for _, ip := range strings.Fields(c.out) {
			if s.Blacklisted(netip.MustParseAddr(ip)) {
				t.Errorf("%s has %s", c.ranges, ip)
			}
		}
		if s.Blacklisted(netip.Addr{}) {
			t.Errorf("%s has no address at all", c.ranges)
		}
	}
}

// Ranges that overlap in every way say the same as each of them by itself.
func TestBlacklistIsTheUnion(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	at := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}) }
	for range 300 {
		var rows []Row
		var want [256]bool
		for i := range random.IntN(12) {
			first := random.IntN(256)
			last := min(255, first+random.IntN(20))
			rows = append(rows, Row{"id": fmt.Sprint(i), "iprange": at(first).String() + "-" + at(last).String()})
			for n := first; n <= last; n++ {
				want[n] = true
			}
		}
		s := snapshotOf(t, map[string][]Row{"blacklist": rows})
		for n := range 256 {
			if s.Blacklisted(at(n)) != want[n] {
				t.Fatalf("%v: %v is %v", rows, at(n), !want[n])
			}
		}
	}
}
