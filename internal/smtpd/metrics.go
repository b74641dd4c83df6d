package smtpd

import (
	"strconv"

	"posthoorn/internal/mail"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	sessions   prometheus.Gauge
	begun      prometheus.Counter
	refused    *prometheus.CounterVec // by reason
	messages   prometheus.Counter
	refusals   *prometheus.CounterVec // by code and status, which are ours
	badLogins  prometheus.Counter
	handshakes *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "posthoorn_smtpd_" + name, Help: help})
	}
	m := &metrics{
		sessions: prometheus.NewGauge(prometheus.GaugeOpts{Name: "posthoorn_smtpd_sessions", Help: "Open incoming sessions."}),
		begun:    counter("sessions_total", "Incoming sessions that began."),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "posthoorn_smtpd_connections_refused_total",
			Help: "Connections turned away before a session began, by reason."}, []string{"reason"}),
		messages: counter("messages_total", "Messages answered with 250."),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "posthoorn_smtpd_refusals_total",
			Help: "Replies of 4xx and 5xx to clients, by code and enhanced status."}, []string{"code", "status"}),
		badLogins: counter("failed_logins_total", "Logins with a wrong user or password."),
		handshakes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "posthoorn_smtpd_tls_handshakes_total",
			Help: "TLS handshakes by outcome."}, []string{"outcome"}),
	}
	for why := range refusalReasons {
		m.turnedAway(why, 0)
	}
	m.refusal(errRelay, 0)
	for _, outcome := range []string{"ok", "failed"} {
		m.handshakes.WithLabelValues(outcome)
	}
	if r != nil {
		r.MustRegister(m.sessions, m.begun, m.refused, m.messages, m.refusals, m.badLogins, m.handshakes)
	}
	return m
}

// refusalReasons are the words for why a connection leads to no session.
var refusalReasons = map[*mail.Error]string{
	errBusy: "sessions", errBusyAddress: "sessions_of_address", errNotWelcome: "not_welcome",
}

func (m *metrics) turnedAway(why *mail.Error, times float64) {
	reason, ok := refusalReasons[why]
	if !ok {
		reason = "other"
	}
	m.refused.WithLabelValues(reason).Add(times)
}

func (m *metrics) refusal(e *mail.Error, times float64) {
	m.refusals.WithLabelValues(strconv.Itoa(e.Code), e.Status).Add(times)
}
