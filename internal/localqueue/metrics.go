package localqueue

import "github.com/prometheus/client_golang/prometheus"

// meters are the metrics of one store.
type meters struct {
	puts       prometheus.Counter
	takes      prometheus.Counter
	syncs      prometheus.Counter
	unreadable prometheus.Counter
	batch      prometheus.Histogram
	waiting    prometheus.GaugeFunc
	ready      prometheus.GaugeFunc
	registry   prometheus.Registerer
}

func newMeters(s *Store, r prometheus.Registerer) (*meters, error) {
	m := &meters{
		registry: r,
		puts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "localqueue_puts_total", Help: "Entries written: published, waiting, moved and rescheduled messages."}),
		takes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "localqueue_takes_total", Help: "Messages taken in hand."}),
		syncs: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "localqueue_syncs_total", Help: "Commits that were synced to disk."}),
		unreadable: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "localqueue_unreadable_total", Help: "Messages whose body could not be read; they stay on disk."}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "localqueue_commit_batches", Help: "Batches that one sync carried.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 7)}),
		waiting: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "localqueue_waiting_messages", Help: "Messages that wait, in all places."},
			func() float64 { return float64(s.WaitingCount()) }),
		ready: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "localqueue_ready_messages", Help: "Messages in all named queues."},
			func() float64 { return float64(s.readyCount()) }),
	}
	return m, m.register()
}

func (m *meters) all() []prometheus.Collector {
	return []prometheus.Collector{m.puts, m.takes, m.syncs, m.unreadable, m.batch, m.waiting, m.ready}
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

func (m *meters) committed(c *change) {
	m.puts.Add(float64(c.puts))
	m.batch.Observe(float64(len(c.refused)))
	if c.sync {
		m.syncs.Inc()
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
