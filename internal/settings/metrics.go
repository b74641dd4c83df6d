package settings

import "github.com/prometheus/client_golang/prometheus"

type meters struct {
	reloads *prometheus.CounterVec // by result: done, failed
	last    prometheus.Gauge
}

func newMeters(r prometheus.Registerer, c *Cache) *meters {
	m := &meters{
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "posthoorn", Subsystem: "settings", Name: "reloads_total", Help: "Times that the database was read, by result.",
		}, []string{"result"}),
		last: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "posthoorn", Subsystem: "settings", Name: "reload_timestamp_seconds", Help: "When the database was last read; 0: there is none, or it has not been.",
		}),
	}
	for _, result := range []string{"done", "failed"} {
		m.reloads.WithLabelValues(result)
	}
	if r != nil {
		r.MustRegister(m.reloads, m.last,
			gauge("rows_bad", "Rows that are left out because they make no sense.", func(s *Snapshot) int { return len(s.bad) }, c),
			gauge("outdated", "1 while the database cannot be read, so that older settings are in force.", func(*Snapshot) int {
				if c.Outdated() {
					return 1
				}
				return 0
			}, c),
			gauge("pauses", "Manual pauses in force.", func(s *Snapshot) int { return len(s.pauses.all) }, c))
	}
	return m
}

func gauge(name, help string, value func(*Snapshot) int, c *Cache) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "posthoorn", Subsystem: "settings", Name: name, Help: help},
		func() float64 { return float64(value(c.Current())) })
}
