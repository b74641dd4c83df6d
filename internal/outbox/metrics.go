package outbox

import (
	"strings"

	"posthoorn/internal/mail"
	"posthoorn/internal/report"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of the engine. Labels are states and result types: both are closed sets.
type metrics struct {
	results      *prometheus.CounterVec
	notices      *prometheus.CounterVec
	inHand       prometheus.Gauge
	settling     prometheus.Gauge
	parked       prometheus.Counter
	unknownAgain prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "posthoorn", Subsystem: "outbox", Name: name, Help: help}
	}
	m := &metrics{
		results:      prometheus.NewCounterVec(prometheus.CounterOpts(opts("results_total", "Results by state and type.")), []string{"state", "result"}),
		notices:      prometheus.NewCounterVec(prometheus.CounterOpts(opts("notifications_total", "Notifications written, by event.")), []string{"event"}),
		inHand:       prometheus.NewGauge(prometheus.GaugeOpts(opts("in_hand", "Messages in memory."))),
		settling:     prometheus.NewGauge(prometheus.GaugeOpts(opts("settling", "Messages whose outcome is being made durable."))),
		parked:       prometheus.NewCounter(prometheus.CounterOpts(opts("parked_total", "Messages that went into the local queue without an attempt."))),
		unknownAgain: prometheus.NewCounter(prometheus.CounterOpts(opts("redelivered_unknown_total", "Redelivered messages that neither memory nor ledger knew (window D3)."))),
	}
	if reg != nil {
		reg.MustRegister(m.results, m.notices, m.inHand, m.settling, m.parked, m.unknownAgain)
	}
	return m
}

func (m *metrics) result(r *mail.Result) {
	m.results.WithLabelValues(string(r.State), string(r.Kind)).Inc()
}

func (m *metrics) notification(event report.Event) {
	m.notices.WithLabelValues(strings.ToLower(event.String())).Inc()
}
