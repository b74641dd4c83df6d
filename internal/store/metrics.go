package store

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	calls   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
	removed prometheus.Counter
}

func newMetrics(r prometheus.Registerer, slots chan struct{}) metrics {
	m := metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts(opts("calls_total", "Calls of the message store, by operation and outcome.")), []string{"operation", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "posthoorn", Subsystem: "store", Name: "call_seconds", Help: "Time that calls of the message store took, waiting included.",
			Buckets: []float64{.001, .003, .01, .03, .1, .3, 1, 3, 10, 30, 60},
		}, []string{"operation"}),
		removed: prometheus.NewCounter(prometheus.CounterOpts(opts("expired_total", "Stored messages that were removed because they had expired."))),
	}
	for _, operation := range []string{"get", "put", "delete"} {
		m.calls.WithLabelValues(operation, "done")
		m.seconds.WithLabelValues(operation)
	}
	if r != nil {
		r.MustRegister(m.calls, m.seconds, m.removed,
			prometheus.NewGaugeFunc(prometheus.GaugeOpts(opts("slots", "Calls that may run at the same time (storage-threads).")), func() float64 { return float64(cap(slots)) }),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts(opts("slots_in_use", "Calls that run.")), func() float64 { return float64(len(slots)) }))
	}
	return m
}

func opts(name, help string) prometheus.Opts {
	return prometheus.Opts{Namespace: "posthoorn", Subsystem: "store", Name: name, Help: help}
}

func (m metrics) count(operation string, err error, took time.Duration) {
	outcome := "done"
	switch {
	case errors.Is(err, ErrNotFound):
		outcome = "not_found"
	case err != nil:
		outcome = "failed"
	}
	m.calls.WithLabelValues(operation, outcome).Inc()
	m.seconds.WithLabelValues(operation).Observe(took.Seconds())
}
