package dkim

import "github.com/prometheus/client_golang/prometheus"

type meters struct {
	signatures *prometheus.CounterVec // by algorithm
	failures   prometheus.Counter
	waiting    prometheus.Gauge
}

func newMeters(r prometheus.Registerer) *meters {
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "posthoorn", Subsystem: "dkim", Name: name, Help: help}
	}
	m := &meters{
		signatures: prometheus.NewCounterVec(prometheus.CounterOpts(opts("signatures_total", "DKIM signatures made, by algorithm.")), []string{"algorithm"}),
		failures:   prometheus.NewCounter(prometheus.CounterOpts(opts("failures_total", "DKIM signatures that could not be made."))),
		waiting:    prometheus.NewGauge(prometheus.GaugeOpts(opts("waiting", "Messages that are signed or wait for it."))),
	}
	for _, algorithm := range []string{"rsa-sha256", "ed25519-sha256"} {
		m.signatures.WithLabelValues(algorithm)
	}
	if r != nil {
		r.MustRegister(m.signatures, m.failures, m.waiting)
	}
	return m
}
