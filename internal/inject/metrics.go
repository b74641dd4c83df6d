package inject

import (
	"errors"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"posthoorn/internal/mail"
)

type metrics struct {
	messages map[string]prometheus.Counter // by door
	bytes    prometheus.Counter
	errors   *prometheus.CounterVec
}

// Doors, as metrics name them.
const doorHTTP = "http"

var doors = [...]string{overSMTP: "smtp", fromSpool: "spool", fromCLI: "command"}

func newMetrics(r prometheus.Registerer) *metrics {
	messages := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "posthoorn_inject_messages_total",
		Help: "Messages accepted, one per recipient, by the door that they came in by."}, []string{"door"})
	m := &metrics{
		messages: map[string]prometheus.Counter{doorHTTP: messages.WithLabelValues(doorHTTP)},
		bytes: prometheus.NewCounter(prometheus.CounterOpts{Name: "posthoorn_inject_source_bytes_total",
			Help: "Bytes of the sources of accepted messages, counted once per submission."}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "posthoorn_inject_errors_total",
			Help: "Submissions that were not accepted, by SMTP code."}, []string{"code"}),
	}
	for _, door := range doors {
		m.messages[door] = messages.WithLabelValues(door)
	}
	for _, code := range []string{"451", "452", "552", "553", "554"} {
		m.errors.WithLabelValues(code)
	}
	if r != nil {
		r.MustRegister(messages, m.bytes, m.errors)
	}
	return m
}

func (m *metrics) count(door string, err error, recipients, size int) {
	if err == nil {
		m.messages[door].Add(float64(recipients))
		m.bytes.Add(float64(size))
		return
	}
	var e *mail.Error
	if errors.As(err, &e) {
		m.errors.WithLabelValues(strconv.Itoa(e.Code)).Inc()
	}
}
