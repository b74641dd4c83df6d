package app

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"posthoorn/internal/settings"
)

func TestOwnAddresses(t *testing.T) {
	a := &addresses{}
	for text, want := range map[string]bool{"127.0.0.1": true, "127.9.9.9": true, "::1": true, "192.0.2.200": false} {
		if got := a.isOwn(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// zone is reverse DNS made of a map; it counts the questions.
type zone struct {
	names map[netip.Addr]string
	asked int
}

func (z *zone) PTR(_ context.Context, addr netip.Addr) ([]string, error) {
	z.asked++
	if n, ok := z.names[addr]; ok {
		return []string{n}, nil
	}
	return nil, errors.New("no such name")
}

func TestNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known, unknown := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::2")
		z := &zone{names: map[netip.Addr]string{known: "out1.shop.test."}}
		n := newNames(settings.Empty, z, "host.test")
		for range 3 {
			for source, want := range map[netip.Addr]string{known: "out1.shop.test", unknown: "[IPv6:2001:db8::2]", {}: "host.test"} {
				if got := n.of(t.Context(), source); got != want {
					t.Errorf("%v: %q, want %q", source, got, want)
				}
			}
		}
		if z.asked != 2 {
			t.Errorf("asked %d times for two addresses", z.asked)
		}
		time.Sleep(nameAgain + time.Second)
		z.names[unknown] = "late.test"
		if got := n.of(t.Context(), unknown); got != "late.test" {
			t.Errorf("a name that came later: %q", got)
		}
	})
}
