package store

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	calls   *prometheus.CounterVec
	seconds *prometheus.CounterVec
	removed prometheus.Counter
}

func newMetrics(r prometheus.Registerer) metrics {
	m := metrics{
		calls:   counters("calls_total", "Calls of the message store.", "operation", "outcome"),
		seconds: counters("call_seconds_total", "Time that calls of the message store took, waiting included.", "operation"),
		removed: prometheus.NewCounter(prometheus.CounterOpts{Namespace: "posthoorn", Subsystem: "store", Name: "expired_total", Help: "Stored messages that were removed because they had expired."}),
	}
	if r != nil {
		r.MustRegister(m.calls, m.seconds, m.removed)
	}
	return m
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "posthoorn", Subsystem: "store", Name: name, Help: help}, labels)
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
	m.seconds.WithLabelValues(operation).Add(took.Seconds())
}
