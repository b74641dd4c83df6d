package login

import "github.com/prometheus/client_golang/prometheus"

type metrics struct{ tries, blocks *prometheus.CounterVec }

var scopeNames = [...]string{ofNetwork: "network", ofPair: "account from a network", ofAccount: "account"}

func newMetrics(r prometheus.Registerer, door string) *metrics {
	labels := prometheus.Labels{"door": door}
	m := &metrics{
		tries: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "posthoorn_login_tries_total", ConstLabels: labels,
			Help: "Tries to log in by result: right, wrong, error, turned away."}, []string{"result"}),
		blocks: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "posthoorn_login_blocks_total", ConstLabels: labels,
			Help: "How often somebody had too many failed logins."}, []string{"scope"}),
	}
	for _, result := range []string{"right", "wrong", "error", "turned away"} {
		m.tries.WithLabelValues(result)
	}
	for _, scope := range scopeNames {
		m.blocks.WithLabelValues(scope)
	}
	if r != nil {
		r.MustRegister(m.tries, m.blocks)
	}
	return m
}
