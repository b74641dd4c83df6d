package smtpd

import (
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// TestReasonsOfRefusals: labels are words and codes of ours; what has no word of its own counts as other.
func TestReasonsOfRefusals(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	m := newMetrics(registry)
	m.turnedAway(errBusy, 1)
	m.turnedAway(errNotWelcome, 1)
	m.turnedAway(errStopping, 1)
	m.refusal(errRelay, 1)
	m.refusal(errSize, 1)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range families {
		for _, s := range f.Metric {
			line := f.GetName()
			for _, l := range s.Label {
				line += " " + l.GetValue()
			}
			if s.GetCounter().GetValue() == 1 {
				got = append(got, line)
			}
		}
	}
	want := []string{
		"posthoorn_smtpd_connections_refused_total not_welcome", "posthoorn_smtpd_connections_refused_total other",
		"posthoorn_smtpd_connections_refused_total sessions", "posthoorn_smtpd_refusals_total 550 5.7.1", "posthoorn_smtpd_refusals_total 552 5.3.4",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
