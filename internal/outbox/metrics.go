package outbox

import (
	"strings"
	"sync/atomic"
	"time"

	"posthoorn/internal/mail"
	"posthoorn/internal/report"
	"posthoorn/internal/schedule"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of the engine. Labels are states, result types, classes of replies, events: all closed sets. Where every message passes, label
// values are looked up once.
type metrics struct {
	results      *prometheus.CounterVec // by state, result and class
	accepted     prometheus.Counter     // the one of them that most results are
	first        prometheus.Observer    // seconds until the first attempt
	success      prometheus.Observer    // seconds until a final result that is one
	failure      prometheus.Observer
	retries      prometheus.Counter
	notices      *prometheus.CounterVec
	inHand       prometheus.Gauge
	settling     prometheus.Gauge
	parked       prometheus.Counter
	unknownAgain prometheus.Counter
	blocked      prometheus.Counter              // seconds
	plan         atomic.Pointer[schedule.Totals] // as of a second ago
}

// waits are the buckets of what a message waits for: from at once to a day, which is what max-delivertime is by default.
var waits = []float64{.01, .03, .1, .3, 1, 5, 30, 120, 600, 1800, 7200, 28800, 86400}

func newMetrics(reg prometheus.Registerer, e *Engine) *metrics {
	m := &metrics{
		results:      prometheus.NewCounterVec(prometheus.CounterOpts(named("results_total", "Results of messages, by state, type and class of the reply's code (2, 4, 5, or none).")), []string{"state", "result", "class"}),
		retries:      counter("retries_total", "Results after which the message is tried again."),
		notices:      prometheus.NewCounterVec(prometheus.CounterOpts(named("notifications_total", "Notifications written, by event.")), []string{"event"}),
		inHand:       prometheus.NewGauge(prometheus.GaugeOpts(named("in_hand", "Messages in memory."))),
		settling:     prometheus.NewGauge(prometheus.GaugeOpts(named("settling", "Messages whose outcome is being made durable."))),
		parked:       counter("parked_total", "Messages that went into the local queue without an attempt."),
		blocked:      counter("blocked_seconds_total", "Time in which nothing new was sent since the broker, or the embedded queue, took nothing."),
		unknownAgain: counter("redelivered_unknown_total", "Redelivered messages that neither memory nor ledger knew (window D3)."),
	}
	m.accepted = m.results.WithLabelValues(labels(mail.StateMessage, mail.Accepted, 250)...)
	first := prometheus.NewHistogram(seconds("first_attempt_seconds", "Time from when a message came in until its first attempt."))
	final := prometheus.NewHistogramVec(seconds("final_seconds", "Time from when a message came in until its final result, by outcome."), []string{"outcome"})
	m.first, m.success, m.failure = first, final.WithLabelValues("success"), final.WithLabelValues("failure")
	for _, event := range []report.Event{report.Failure, report.Delay, report.Success} {
		m.notices.WithLabelValues(strings.ToLower(event.String()))
	}
	m.plan.Store(new(schedule.Totals))
	if reg != nil {
		reg.MustRegister(m.results, first, final, m.retries, m.notices, m.inHand, m.settling, m.parked, m.unknownAgain, m.blocked)
		reg.MustRegister(m.ofPlan()...)
		reg.MustRegister(ofEngine(e)...)
	}
	return m
}

// ofPlan are the numbers of the plan. It belongs to the loop, which leaves a copy behind once a second.
func (m *metrics) ofPlan() []prometheus.Collector {
	of := func(name, help string, value func(*schedule.Totals) int) prometheus.Collector {
		return gauge("plan_"+name, help, func() float64 { return float64(value(m.plan.Load())) })
	}
	return []prometheus.Collector{
		of("waiting", "Messages in memory that wait for their turn.", func(t *schedule.Totals) int { return t.Waiting }),
		of("in_hand", "Messages that connections carry.", func(t *schedule.Totals) int { return t.InHand }),
		of("sites", "Destinations that the plan knows.", func(t *schedule.Totals) int { return t.Sites }),
		of("groups", "Groups of destinations that share their servers or limits.", func(t *schedule.Totals) int { return t.Groups }),
		of("lanes", "Pairs of own address and group that have been used.", func(t *schedule.Totals) int { return t.Lanes }),
		of("lookups", "Destinations whose servers are being looked up.", func(t *schedule.Totals) int { return t.Lookups }),
		of("needy", "Streams of mail that have no connection because there are no more (smtp-connections).", func(t *schedule.Totals) int { return t.Needy }),
	}
}

// ofEngine are what the engine knows anyway.
func ofEngine(e *Engine) []prometheus.Collector {
	list := []prometheus.Collector{
		gauge("in_hand_bytes", "What the messages in memory weigh.", func() float64 { return float64(e.bytes.Load()) }),
		gauge("blocked", "1 while the broker, or the embedded queue, takes nothing: then nothing new is sent.", func() float64 {
			_, blocked := e.o.Broker.Blocked()
			return oneIf(blocked)
		}),
	}
	for r, name := range [numBrakes]string{"memory", "disk", "stop", "evacuation"} {
		opts := prometheus.GaugeOpts(named("consuming_stopped", "1 while nothing more is taken from the outbox, by reason."))
		opts.ConstLabels = prometheus.Labels{"reason": name}
		list = append(list, prometheus.NewGaugeFunc(opts, func() float64 { return oneIf(e.brake.isOn(brakeReason(r))) }))
	}
	return list
}

func named(name, help string) prometheus.Opts {
	return prometheus.Opts{Namespace: "posthoorn", Subsystem: "outbox", Name: name, Help: help}
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts(named(name, help)))
}

func gauge(name, help string, value func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts(named(name, help)), value)
}

func seconds(name, help string) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{Namespace: "posthoorn", Subsystem: "outbox", Name: name, Help: help, Buckets: waits}
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// result counts one. Most results are that a message was accepted.
func (m *metrics) result(r *mail.Result) {
	if r.State == mail.StateMessage && r.Kind == mail.Accepted && r.Code/100 == 2 {
		m.accepted.Inc()
		return
	}
	m.results.WithLabelValues(labels(r.State, r.Kind, r.Code)...).Inc()
}

func labels(state mail.State, kind mail.Kind, code int) []string {
	class := "none"
	if c := code / 100; c >= 2 && c <= 5 {
		class = string(rune('0' + c))
	}
	return []string{string(state), string(kind), class}
}

// concluded counts the result of an attempt, and how long the message waited for it.
func (m *metrics) concluded(it *item, r *mail.Result) {
	m.result(r)
	came := it.came()
	if r.Attempt == 1 && !ours(r) && !came.IsZero() {
		begun := r.Time // as far as is known, when it failed before MAIL
		if t := it.job.Begun(); !t.IsZero() {
			begun = t
		}
		m.first.Observe(max(begun.Sub(came).Seconds(), 0))
	}
	m.ended(it, r, came)
}

// ended counts what became of a message that has a result.
func (m *metrics) ended(it *item, r *mail.Result, came time.Time) {
	outcome := m.failure
	switch {
	case !it.finished:
		m.retries.Inc()
		return
	case r.OK():
		outcome = m.success
	}
	if !came.IsZero() {
		outcome.Observe(max(r.Time.Sub(came).Seconds(), 0))
	}
}

// came is when a message came in: as a door has noted it, or else no later than its first result, or than it was taken from the queue.
func (it *item) came() time.Time {
	if t := arrival(it.m); !t.IsZero() {
		return t
	}
	if it.m.Property("results") != nil {
		if earlier := attemptsOf(it.m); len(earlier) > 0 {
			return earlier[0].at()
		}
	}
	return it.taken
}

func (m *metrics) notification(event report.Event) {
	m.notices.WithLabelValues(strings.ToLower(event.String())).Inc()
}
