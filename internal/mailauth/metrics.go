package mailauth

import (
	"posthoorn/internal/mailauth/authres"

	"github.com/prometheus/client_golang/prometheus"
)

type meters struct {
	results *prometheus.CounterVec // by check and result
	crowded prometheus.Counter
}

func newMeters(r prometheus.Registerer) *meters {
	m := &meters{results: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "posthoorn", Subsystem: "mailauth", Name: "results_total",
		Help: "Results of checks of incoming mail, by check and result."}, []string{"check", "result"}),
		crowded: prometheus.NewCounter(prometheus.CounterOpts{Namespace: "posthoorn", Subsystem: "mailauth", Name: "crowded_total",
			Help: "Mails that were taken with what the cache of the DNS knew, since too many others were being checked."})}
	for _, check := range []string{"spf", "dkim", "dmarc", "arc"} {
		m.results.WithLabelValues(check, string(authres.Pass))
	}
	if r != nil {
		r.MustRegister(m.results, m.crowded)
	}
	return m
}

func (m *meters) count(f *Findings) {
	for _, finding := range f.findings() {
		m.results.WithLabelValues(finding.Method, string(finding.Result)).Inc()
	}
	if f.checks.Spam {
		m.results.WithLabelValues("spam", f.Spam.Verdict).Inc()
	}
}
