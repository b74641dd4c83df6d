package inject

import (
	"errors"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"posthoorn/internal/mail"
)

type metrics struct {
	messages prometheus.Counter
	bytes    prometheus.Counter
	errors   *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		messages: prometheus.NewCounter(prometheus.CounterOpts{Name: "posthoorn_inject_messages_total",
			Help: "Messages accepted, one per recipient."}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{Name: "posthoorn_inject_source_bytes_total",
			Help: "Bytes of the sources of accepted messages, counted once per submission."}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "posthoorn_inject_errors_total",
			Help: "Submissions that were not accepted, by SMTP code."}, []string{"code"}),
	}
	if r != nil {
		r.MustRegister(m.messages, m.bytes, m.errors)
	}
	return m
}

func (m *metrics) count(err error, recipients, size int) {
	if err == nil {
		m.messages.Add(float64(recipients))
		m.bytes.Add(float64(size))
		return
	}
	var e *mail.Error
	if errors.As(err, &e) {
		m.errors.WithLabelValues(strconv.Itoa(e.Code)).Inc()
	}
}
