package journal

import "github.com/prometheus/client_golang/prometheus"

// meters count by log: its kind, or "application" or "error".
type meters struct{ lines, dropped, failures, rotations, unformatted *prometheus.CounterVec }

// logMeters are those of one log.
type logMeters struct{ lines, dropped, failures, rotations, unformatted prometheus.Counter }

func newMeters(r prometheus.Registerer) *meters {
	m := &meters{
		lines:       counters("lines_total", "Lines written."),
		dropped:     counters("lines_dropped_total", "Lines lost because writing failed, or because nobody may wait for them."),
		failures:    counters("failures_total", "Writes that failed."),
		rotations:   counters("rotations_total", "Files that were full or old and got a number."),
		unformatted: counters("lines_unformatted_total", "Lines whose template failed, so that they are incomplete."),
	}
	if r != nil {
		r.MustRegister(m.lines, m.dropped, m.failures, m.rotations, m.unformatted)
	}
	return m
}

func counters(name, help string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "posthoorn", Subsystem: "journal", Name: name, Help: help}, []string{"log"})
}

func (m *meters) of(log string) logMeters {
	return logMeters{
		lines:       m.lines.WithLabelValues(log),
		dropped:     m.dropped.WithLabelValues(log),
		failures:    m.failures.WithLabelValues(log),
		rotations:   m.rotations.WithLabelValues(log),
		unformatted: m.unformatted.WithLabelValues(log),
	}
}
