package amqp

import (
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	confirms, returns, refused, resends, reconnects prometheus.Counter
	blockedSeconds                                  prometheus.Counter
	deliveries, redeliveries, acks, nacks, stale    prometheus.Counter
	undecodable                                     prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, unconfirmed, out func() float64) *metrics {
	c := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "posthoorn", Subsystem: "amqp", Name: name, Help: help})
	}
	g := func(name, help string, f func() float64) prometheus.GaugeFunc {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "posthoorn", Subsystem: "amqp", Name: name, Help: help}, f)
	}
	m := &metrics{
		confirms:       c("confirms_total", "Publishings that the broker confirmed."),
		returns:        c("returns_total", "Publishings that the broker could not route."),
		refused:        c("refused_total", "Publishings that the broker refused (negative confirm)."),
		resends:        c("resends_total", "Publishings repeated because their confirm was lost with the connection (window D4)."),
		reconnects:     c("reconnects_total", "Connections that were made again after a loss."),
		blockedSeconds: c("blocked_seconds_total", "Time in which the broker took no messages (memory or disk alarm)."),
		deliveries:     c("deliveries_total", "Messages handed out by the broker."),
		redeliveries:   c("redeliveries_total", "Those of them that it may have handed out before."),
		acks:           c("acks_total", "Deliveries that were acknowledged."),
		nacks:          c("nacks_total", "Deliveries that were given back."),
		stale:          c("stale_total", "Tickets of a lost channel that were settled in vain."),
		undecodable:    c("undecodable_total", "Deliveries whose compressed body could not be read."),
	}
	if reg != nil {
		reg.MustRegister(m.confirms, m.returns, m.refused, m.resends, m.reconnects, m.blockedSeconds,
			m.deliveries, m.redeliveries, m.acks, m.nacks, m.stale, m.undecodable,
			g("unconfirmed", "Publishings that wait for their confirm.", unconfirmed),
			g("open_deliveries", "Deliveries that are not settled.", out))
	}
	return m
}
