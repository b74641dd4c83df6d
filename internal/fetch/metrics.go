package fetch

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// meters count downloads; they know neither addresses nor hosts.
type meters struct {
	downloads *prometheus.CounterVec // by outcome
	cached    *prometheus.CounterVec // by which cache
	bytes     prometheus.Counter
	seconds   prometheus.Histogram
}

// outcomes are the words for what a download can end in.
var outcomes = map[error]string{
	ErrForbidden: "forbidden", ErrRefused: "refused", ErrTooLarge: "too_large", ErrTimeout: "timeout", ErrLost: "lost",
}

const gotIt = "done"

func newMeters(r prometheus.Registerer, running func() float64) *meters {
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "posthoorn", Subsystem: "fetch", Name: name, Help: help}
	}
	m := &meters{
		downloads: prometheus.NewCounterVec(prometheus.CounterOpts(opts("downloads_total", "Downloads for documents, by outcome.")), []string{"outcome"}),
		cached:    prometheus.NewCounterVec(prometheus.CounterOpts(opts("cached_total", "Resources that were not downloaded since they were in a cache (memory, store) or on their way already (shared).")), []string{"cache"}),
		bytes:     prometheus.NewCounter(prometheus.CounterOpts(opts("downloaded_bytes_total", "Bytes of downloads, unpacked."))),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "posthoorn", Subsystem: "fetch", Name: "download_seconds", Help: "Time that downloads took, without the wait for their turn.",
			Buckets: []float64{.01, .03, .1, .3, 1, 3, 10, 30},
		}),
	}
	m.downloads.WithLabelValues(gotIt)
	for _, outcome := range outcomes {
		m.downloads.WithLabelValues(outcome)
	}
	for _, cache := range []string{inMemory, inStore, onItsWay} {
		m.cached.WithLabelValues(cache)
	}
	if r != nil {
		r.MustRegister(m.downloads, m.cached, m.bytes, m.seconds,
			prometheus.NewGaugeFunc(prometheus.GaugeOpts(opts("downloads_running", "Downloads that run.")), running))
	}
	return m
}

// Where a resource was that need not be downloaded.
const (
	inMemory = "memory"
	inStore  = "store"
	onItsWay = "shared"
)

func (m *meters) had(where string) { m.cached.WithLabelValues(where).Inc() }

func (m *meters) downloaded(took time.Duration, size int64, err error) {
	outcome := gotIt
	if e, ok := errors.AsType[*Error](err); ok {
		outcome = outcomes[e.Reason]
	}
	m.downloads.WithLabelValues(outcome).Inc()
	m.bytes.Add(float64(size))
	m.seconds.Observe(took.Seconds())
}
