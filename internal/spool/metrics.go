package spool

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	files   *prometheus.CounterVec
	doubles prometheus.Counter
	inHand  prometheus.Gauge
	scans   prometheus.Counter
}

// Outcomes of a file.
const (
	published = "published"
	invalid   = "invalid"
	refused   = "refused"
)

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		files: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "posthoorn_spool_files_total",
			Help: "Files of the spool directory, by outcome; one that is refused is tried again."}, []string{"outcome"}),
		doubles: prometheus.NewCounter(prometheus.CounterOpts{Name: "posthoorn_spool_possible_doubles_total",
			Help: "Files that could not be removed after their message was published, or whose publishing was cut off: the message may come twice."}),
		inHand: prometheus.NewGauge(prometheus.GaugeOpts{Name: "posthoorn_spool_files_in_hand",
			Help: "Files that are being read or wait for confirms."}),
		scans: prometheus.NewCounter(prometheus.CounterOpts{Name: "posthoorn_spool_scans_total",
			Help: "Times that the whole spool directory was read."}),
	}
	for _, outcome := range []string{published, invalid, refused} {
		m.files.WithLabelValues(outcome)
	}
	if r != nil {
		r.MustRegister(m.files, m.doubles, m.inHand, m.scans)
	}
	return m
}
