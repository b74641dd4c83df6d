package console

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"posthoorn/internal/stats"
)

// BenchmarkLive is what one browser on the overview costs in a second, with a thousand destinations.
func BenchmarkLive(b *testing.B) {
	r := start(b, nil)
	now := time.Now()
	for i := range 1000 {
		r.board.Attempted(&stats.Attempt{Time: now, Source: ownIP, Domain: fmt.Sprintf("d%d.test", i), Tags: []string{"news"}})
	}
	b.ReportAllocs()
	for b.Loop() {
		o, err := r.overview(b.Context(), stats.Selection{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := json.Marshal(liveMessage{o, r.point(stats.Selection{})}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDomains is the list of the busiest of a thousand destinations.
func BenchmarkDomains(b *testing.B) {
	r := start(b, nil)
	now := time.Now()
	for i := range 1000 {
		r.board.Attempted(&stats.Attempt{Time: now, Source: netip.Addr{}, Domain: fmt.Sprintf("d%d.test", i)})
	}
	b.ReportAllocs()
	for b.Loop() {
		if list, err := r.domains(b.Context(), ""); err != nil || len(list) < 1000 {
			b.Fatal(len(list), err)
		}
	}
}
