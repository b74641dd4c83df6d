package mailauth

import "github.com/prometheus/client_golang/prometheus"

type meters struct {
	results *prometheus.CounterVec // by check and result
}

func newMeters(r prometheus.Registerer) *meters {
	m := &meters{prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "posthoorn", Subsystem: "checks", Name: "results_total",
		Help: "Results of checks of incoming mail, by check and result."}, []string{"check", "result"})}
	if r != nil {
		r.MustRegister(m.results)
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
