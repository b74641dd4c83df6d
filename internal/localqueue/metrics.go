package localqueue

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// meters are the metrics of one store.
type meters struct {
	puts        prometheus.Counter
	takes       prometheus.Counter
	redelivered prometheus.Counter
	syncs       prometheus.Counter
	unreadable  prometheus.Counter
	batch       prometheus.Histogram
	seconds     prometheus.Histogram // of commits that were synced
	standing    []prometheus.Collector
	registry    prometheus.Registerer
}

func newMeters(s *Store, r prometheus.Registerer) (*meters, error) {
	m := &meters{
		registry:    r,
		puts:        counter("puts_total", "Entries written: published, waiting, moved and rescheduled messages."),
		takes:       counter("takes_total", "Messages taken in hand."),
		redelivered: counter("redelivered_total", "Messages of queues that were taken in hand and may have been before: given back, or in hand when the program ended."),
		syncs:       counter("syncs_total", "Commits that were synced to disk."),
		unreadable:  counter("unreadable_total", "Messages whose body could not be read; they stay on disk."),
		batch: prometheus.NewHistogram(histogram("commit_batches", "Batches that one commit carried.",
			prometheus.ExponentialBuckets(1, 4, 7))),
		seconds: prometheus.NewHistogram(histogram("commit_seconds", "Time that commits with a sync took.",
			[]float64{.0003, .001, .003, .01, .03, .1, .3, 1, 3})),
		standing: []prometheus.Collector{
			gauge("waiting_messages", "Messages that wait, in all places: for another attempt, for the end of a pause, or for room in memory.", func() float64 { return float64(s.WaitingCount()) }),
			gauge("ready_messages", "Messages in all named queues.", func() float64 { return float64(s.readyCount()) }),
			gauge("places", "Places where messages wait: pairs of a destination and the addresses that they may leave from.", func() float64 { return float64(s.placeCount()) }),
			gauge("overdue_seconds", "How long the first of the waiting messages could have gone on already; 0: none could.", func() float64 { return s.overdue(time.Now()).Seconds() }),
			gauge("commits_waiting", "Batches that wait for the disk.", func() float64 { return float64(s.lineLength()) }),
			gauge("disk_bytes", "What the local queue takes on the disk.", func() float64 { return float64(s.size()) }),
			gauge("failed", "1 when nothing is written any more since the disk has failed.", func() float64 {
				if s.Err() != nil {
					return 1
				}
				return 0
			}),
		},
	}
	return m, m.register()
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "posthoorn", Subsystem: "localqueue", Name: name, Help: help})
}

func gauge(name, help string, value func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "posthoorn", Subsystem: "localqueue", Name: name, Help: help}, value)
}

func histogram(name, help string, buckets []float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{Namespace: "posthoorn", Subsystem: "localqueue", Name: name, Help: help, Buckets: buckets}
}

func (m *meters) all() []prometheus.Collector {
	return append([]prometheus.Collector{m.puts, m.takes, m.redelivered, m.syncs, m.unreadable, m.batch, m.seconds}, m.standing...)
}

func (m *meters) register() error {
	if m.registry == nil {
		return nil
	}
	for i, c := range m.all() {
		if err := m.registry.Register(c); err != nil {
			m.unregister(m.all()[:i])
			return err
		}
	}
	return nil
}

func (m *meters) unregister(list []prometheus.Collector) {
	if m.registry == nil {
		return
	}
	for _, c := range list {
		m.registry.Unregister(c)
	}
}

func (m *meters) committed(c *change, took time.Duration) {
	m.puts.Add(float64(c.puts))
	m.batch.Observe(float64(len(c.refused)))
	if c.sync {
		m.syncs.Inc()
		m.seconds.Observe(took.Seconds())
	}
}

func (s *Store) readyCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, g := range s.queues {
		n += g.count
	}
	return n
}

func (s *Store) placeCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.places)
}

func (s *Store) lineLength() int {
	s.gate.Lock()
	defer s.gate.Unlock()
	return len(s.line)
}

// overdue is for how long the first of the waiting messages has been due. What was to go on at once, without a time, says nothing.
func (s *Store) overdue(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := int64(endOfTime)
	for _, g := range s.agenda.due {
		if next := g.slot.next; next > 0 {
			first = min(first, next)
		}
	}
	if f := s.agenda.future; len(f) > 0 {
		first = min(first, f[0].slot.next)
	}
	return max(now.Sub(moment(first)), 0)
}

// size is in bytes; 0 when the store is closed or has failed.
func (s *Store) size() uint64 {
	if !s.use() {
		return 0
	}
	defer s.life.leave()
	return s.db.Metrics().DiskSpaceUsage()
}
