package settings

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// A delegate that is no address of this host makes mail fail: the log says it once, and anew when an address has come and gone.
func TestForeignDelegateIsLoggedOnce(t *testing.T) {
	store, log, own := newStore(), &lines{}, []netip.Addr{ip1}
	c := NewCache(CacheOptions{
		Store: store, Logger: log.logger(), Registerer: prometheus.NewRegistry(), Own: func() []netip.Addr { return own },
	})
	for _, r := range []Row{
		{"delegate": ip2.String()},
		{"domain": "a.example", "delegate": ip1.String()},
		{"localip": "192.0.2.9", "delegate": "192.0.2.10"}, // of another instance
		{"domain": "b.example", "delegate": ip6.String(), "expire": "2001-01-01 00:00:00"},
	} {
		store.add("delegates", r)
	}
	reload := func(what string, want int) {
		t.Helper()
		if err := c.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := log.with("makes mail fail", "no address of this host"); n != want || n != log.with("table=delegates", "id=1 ", ip2.String()) {
			t.Errorf("%s: %d lines, want %d: %s", what, n, want, log.buf.String())
		}
	}
	reload("at first", 1)
	reload("once more", 1)
	store.add("mtanames", Row{"ip": ip1.String(), "name": "mx.example"})
	reload("after another change", 1)
	own = slices.Concat(own, []netip.Addr{ip2})
	reload("the address has come", 1)
	own = own[:1]
	reload("the address has gone", 2)
}
