package console

import "github.com/prometheus/client_golang/prometheus"

type meters struct {
	requests *prometheus.CounterVec   // by class and class of status
	seconds  *prometheus.HistogramVec // by class
	logins   *prometheus.CounterVec   // by result
	viewers  *prometheus.GaugeVec     // open websockets, by what they show
}

func newMeters(r prometheus.Registerer) *meters {
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "posthoorn", Subsystem: "console", Name: name, Help: help}
	}
	m := &meters{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts(opts("requests_total", "Requests to the console, by kind and status.")), []string{"kind", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "posthoorn", Subsystem: "console", Name: "request_seconds", Help: "How long requests to the console took, by kind.",
			Buckets: []float64{.001, .01, .1, 1, 10},
		}, []string{"kind"}),
		logins:  prometheus.NewCounterVec(prometheus.CounterOpts(opts("logins_total", "Logins to the console, by result.")), []string{"result"}),
		viewers: prometheus.NewGaugeVec(prometheus.GaugeOpts(opts("websockets", "Open websockets, by what they show.")), []string{"view"}),
	}
	for _, kind := range []string{"api", "page", "probe", "websocket"} {
		m.requests.WithLabelValues(kind, "2xx")
		m.seconds.WithLabelValues(kind)
	}
	for _, result := range []string{"done", "wrong"} {
		m.logins.WithLabelValues(result)
	}
	for _, view := range []string{"live", "monitor"} {
		m.viewers.WithLabelValues(view)
	}
	if r != nil {
		r.MustRegister(m.requests, m.seconds, m.logins, m.viewers)
	}
	return m
}
