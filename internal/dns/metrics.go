package dns

import "github.com/prometheus/client_golang/prometheus"

type meters struct {
	lookups *prometheus.CounterVec // by outcome
	waiting prometheus.GaugeFunc   // names that have had no answer for a while
}

// Outcomes of lookups.
const (
	fromCache = "cached"
	answered  = "answered"
	notThere  = "absent" // the name does not exist
	failed    = "failed" // no answer
)

func newMeters(reg prometheus.Registerer, slow func() float64) *meters {
	m := &meters{
		lookups: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "posthoorn", Subsystem: "dns", Name: "lookups_total",
			Help: "Questions to the DNS, by outcome: cached, answered, absent, failed."}, []string{"outcome"}),
		waiting: prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "posthoorn", Subsystem: "dns", Name: "slow_lookups",
			Help: "Questions that have waited long for their answer and wait still."}, slow),
	}
	if reg != nil {
		reg.MustRegister(m.lookups, m.waiting)
	}
	return m
}

func (m *meters) count(outcome string) { m.lookups.WithLabelValues(outcome).Inc() }

// outcome is the word for an answer that was asked for.
func (a answer) outcome() string {
	switch {
	case a.failure != nil:
		return failed
	case a.absent:
		return notThere
	}
	return answered
}
