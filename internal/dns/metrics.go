package dns

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type meters struct {
	lookups map[string]prometheus.Counter // by outcome
	seconds prometheus.Histogram
}

// Outcomes of lookups.
const (
	fromCache = "cached"
	answered  = "answered"
	notThere  = "absent" // the name does not exist
	failed    = "failed" // no answer
)

func newMeters(reg prometheus.Registerer, slow, size func() float64) *meters {
	lookups := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "posthoorn", Subsystem: "dns", Name: "lookups_total",
		Help: "Questions to the DNS, by outcome: cached, answered, absent, failed."}, []string{"outcome"})
	m := &meters{
		lookups: map[string]prometheus.Counter{},
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "posthoorn", Subsystem: "dns", Name: "lookup_seconds",
			Help: "Time that questions took which the cache could not answer.", Buckets: []float64{.001, .003, .01, .03, .1, .3, 1, 3, 10, 30}}),
	}
	for _, outcome := range []string{fromCache, answered, notThere, failed} {
		m.lookups[outcome] = lookups.WithLabelValues(outcome)
	}
	if reg != nil {
		reg.MustRegister(lookups, m.seconds, gauge("slow_lookups", "Questions that have waited long for their answer and wait still.", slow),
			gauge("cache_bytes", "What the cache of answers takes in memory.", size))
	}
	return m
}

func gauge(name, help string, value func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "posthoorn", Subsystem: "dns", Name: name, Help: help}, value)
}

func (m *meters) count(outcome string) { m.lookups[outcome].Inc() }

// asked counts a question that went out at some time and what came of it.
func (m *meters) asked(a answer, took time.Duration) {
	m.count(a.outcome())
	m.seconds.Observe(took.Seconds())
}

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
