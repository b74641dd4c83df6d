package deliver

import (
	"github.com/prometheus/client_golang/prometheus"

	"posthoorn/internal/mail"
)

// metrics counts; the label values are looked up once, since a message passes here.
type metrics struct {
	opened, failed prometheus.Counter
	attempts       map[mail.Kind]prometheus.Counter
	back           [len(reasonNames)]prometheus.Counter
	writes         prometheus.Counter
	offered        prometheus.Counter
	unanswered     prometheus.Counter
}

func newMetrics(r prometheus.Registerer) (m metrics) {
	connections := counters("connections_total", "Connections, by what came of opening them.", "outcome")
	m.opened, m.failed = connections.WithLabelValues("opened"), connections.WithLabelValues("failed")
	attempts := counters("attempts_total", "Attempts to deliver, by result.", "result")
	m.attempts = make(map[mail.Kind]prometheus.Counter)
	for _, k := range [...]mail.Kind{mail.Accepted, mail.Timeout, mail.Lost, mail.Invalid, mail.Failed} {
		m.attempts[k] = attempts.WithLabelValues(string(k))
	}
	back := counters("jobs_back_total", "Jobs that came back untouched, by reason.", "reason")
	for i := Stopped; int(i) < len(reasonNames); i++ {
		m.back[i] = back.WithLabelValues(reasonNames[i])
	}
	m.writes = counter("writes_total", "Writes to sockets.")
	m.offered = counter("offered_total", "Envelopes sent with the end of the message before.")
	m.unanswered = counter("dots_unanswered_total", "Final dots without an answer: such a message may arrive twice.")
	if r != nil {
		r.MustRegister(connections, attempts, back, m.writes, m.offered, m.unanswered)
	}
	return m
}

func counters(name, help, label string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "posthoorn", Subsystem: "deliver", Name: name, Help: help}, []string{label})
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "posthoorn", Subsystem: "deliver", Name: name, Help: help})
}
