package dns_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"posthoorn/internal/dns"
	"posthoorn/internal/dns/dnstest"
)

// Each question counts once, by what came of it; what the cache knows is told apart.
func TestMetrics(t *testing.T) {
	s := start(t, "here.test TXT \"x\"\n")
	s.Fault("broken.test", dnstest.ServFail)
	reg := prometheus.NewRegistry()
	r, err := dns.New(dns.Options{Servers: []string{s.Addr}, HostsFile: os.DevNull, Interval: 50 * time.Millisecond, Metrics: reg})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"here.test", "here.test", "gone.test", "gone.test", "gone.test", "broken.test"} {
		_, _ = r.TXT(t.Context(), name)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			name := f.GetName()
			for _, l := range m.Label {
				name += " " + l.GetValue()
			}
			got[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	if got["posthoorn_dns_cache_bytes"] <= 0 {
		t.Error("nothing in the cache")
	}
	delete(got, "posthoorn_dns_cache_bytes")
	want := "map[posthoorn_dns_lookup_seconds:3 posthoorn_dns_lookups_total absent:1 posthoorn_dns_lookups_total answered:1 posthoorn_dns_lookups_total cached:3" +
		" posthoorn_dns_lookups_total failed:1 posthoorn_dns_slow_lookups:0]"
	if fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
}
