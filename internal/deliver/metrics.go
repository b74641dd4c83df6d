package deliver

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"posthoorn/internal/mail"
)

// metrics counts; the label values are looked up once, since a message passes here.
type metrics struct {
	opened, failed prometheus.Counter
	attempts       map[mail.Kind]prometheus.Counter
	back           [len(reasonNames)]prometheus.Counter
	writes         prometheus.Counter
	bytes          prometheus.Counter
	offered        prometheus.Counter
	unanswered     prometheus.Counter
	seconds        prometheus.Histogram // of attempts
	phases         *phases
}

// phases are how many connections are in each phase. They change several times for every message, so they are plain numbers that are
// read when somebody asks.
type phases [len(phaseNames)]atomic.Int64

func (p *phases) gauges() (list []prometheus.Collector) {
	for i := range p {
		list = append(list, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "posthoorn", Subsystem: "deliver", Name: "open_connections",
			Help:        "Outgoing connections, by what they are busy with.",
			ConstLabels: prometheus.Labels{"phase": phaseNames[i]},
		}, func() float64 { return float64(p[i].Load()) }))
	}
	return list
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
	m.bytes = counter("sent_bytes_total", "Bytes sent over SMTP, before encryption.")
	m.offered = counter("offered_total", "Envelopes sent with the end of the message before.")
	m.unanswered = counter("dots_unanswered_total", "Final dots without an answer: such a message may arrive twice.")
	m.seconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: "posthoorn", Subsystem: "deliver", Name: "attempt_seconds", Help: "Time from MAIL, or from the result before if that came later, to the result, of attempts whose MAIL was sent.",
		Buckets: []float64{.005, .02, .1, .3, 1, 3, 10, 30, 120, 600},
	})
	m.phases = new(phases)
	if r != nil {
		r.MustRegister(connections, attempts, back, m.writes, m.bytes, m.offered, m.unanswered, m.seconds)
		r.MustRegister(m.phases.gauges()...)
	}
	return m
}

func counters(name, help, label string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "posthoorn", Subsystem: "deliver", Name: name, Help: help}, []string{label})
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "posthoorn", Subsystem: "deliver", Name: name, Help: help})
}
