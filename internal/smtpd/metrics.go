package smtpd

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	sessions   prometheus.Gauge
	refused    prometheus.Counter
	messages   prometheus.Counter
	refusals   prometheus.Counter
	badLogins  prometheus.Counter
	handshakes *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "posthoorn_smtpd_" + name, Help: help})
	}
	m := &metrics{
		sessions:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "posthoorn_smtpd_sessions", Help: "Open incoming sessions."}),
		refused:   counter("connections_refused_total", "Connections turned away before a session began."),
		messages:  counter("messages_total", "Messages answered with 250."),
		refusals:  counter("refusals_total", "Replies of 4xx and 5xx."),
		badLogins: counter("failed_logins_total", "Logins with a wrong user or password."),
		handshakes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "posthoorn_smtpd_tls_handshakes_total",
			Help: "TLS handshakes by outcome."}, []string{"outcome"}),
	}
	if r != nil {
		r.MustRegister(m.sessions, m.refused, m.messages, m.refusals, m.badLogins, m.handshakes)
	}
	return m
}
