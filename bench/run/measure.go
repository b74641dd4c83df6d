package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"posthoorn/internal/testbed"
)

// bench is what the rows share.
type bench struct {
	host       *host
	o          options
	dir        string
	plain      content
	engine     string // what signs; empty: nobody has yet
	sink       *sink  // of all but the blocked domain
	blocked    *sink
	names      string // address of the name server
	rabbit     *testbed.RabbitMQ
	brokerTree []int
	channel    *amqp.Channel
	queues     struct{ outbox, results, inbox string } // of the repeat that runs
	runs       int
}

func (b *bench) program() string { return filepath.Join(b.o.bin, "posthoorn") }

// figures are what one repeat shows; CPU in microseconds per message.
type figures struct {
	rate, accepted    float64 // messages per second
	own, broker, sink float64
	memory            float64 // MiB, the most
	trips             float64 // flushes of replies at the sink per message
	connections       float64 // at the sink, the most
	load              float64 // CPU of the clients
}

// warm is how many messages go through before the clock starts.
const warm = 300

// measure runs one repeat of a row.
func (b *bench) measure(r row) (f figures, err error) {
	c, count, end, err := b.begin(r)
	if err != nil {
		return f, err
	}
	defer end()
	t := &trial{b: b, r: r, c: c, results: count}
	if err := t.warmUp(); err != nil {
		return f, err
	}
	if r.content.signed {
		if err := b.note(c.engine()); err != nil {
			return f, err
		}
	}
	return t.run()
}

// begin returns when the contestant of a row is ready. Without an error, end undoes it all.
func (b *bench) begin(r row) (c contestant, count *counter, end func(), err error) {
	var undo []func()
	undoAll := func() {
		for _, f := range slices.Backward(undo) {
			f()
		}
	}
	defer func() {
		if err != nil {
			undoAll()
		}
	}()
	b.runs++
	dir := filepath.Join(b.dir, strconv.Itoa(b.runs))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, nil, nil, err
	}
	undo = append(undo, func() { _ = os.RemoveAll(dir) })
	count, forget, err := b.fresh(r)
	if err != nil {
		return nil, nil, nil, err
	}
	undo = append(undo, forget)
	if r.content.stored {
		if err := writeBodies(bodiesIn(dir), r.content.source, max(r.messages, warm)); err != nil {
			return nil, nil, nil, err
		}
	}
	b.prepareSink(r)
	if c, err = r.start(b, r, dir); err != nil {
		return nil, nil, nil, err
	}
	undo = append(undo, c.stop)
	if err = b.await(c, c.ready, "start"); err != nil {
		return nil, nil, nil, err
	}
	if r.watched {
		stop, err := openMonitor(c.(*posthoorn).console)
		if err != nil {
			return nil, nil, nil, err
		}
		undo = append(undo, stop)
	}
	return c, count, undoAll, nil
}

// note keeps what signs, which must be the same for all.
func (b *bench) note(engine string) error {
	if engine == "" || b.engine != "" && engine != b.engine {
		return fmt.Errorf("signatures are made with %q, those of the row before with %q: build both programs with the same tags", engine, b.engine)
	}
	b.engine = engine
	return nil
}

func (b *bench) prepareSink(r row) {
	deny := "0"
	if r.deny {
		deny = "1000000" // always: two make a sender remember
	}
	b.sink.call("/delay", "d", r.latency.String())
	b.sink.call("/deny", "n", deny)
	b.sink.call("/reset")
}

// fresh makes the queues of a repeat and counts what arrives in the one for results.
func (b *bench) fresh(r row) (count *counter, forget func(), err error) {
	count = new(counter)
	b.queues.inbox = fmt.Sprintf("bench%d-inbox", b.runs)
	if !r.broker {
		return count, func() {}, nil
	}
	conn, err := amqp.Dial(b.rabbit.URL())
	if err != nil {
		return nil, nil, err
	}
	if b.channel, err = conn.Channel(); err != nil {
		return nil, nil, err
	}
	b.queues.outbox = fmt.Sprintf("bench%d-outbox", b.runs)
	b.queues.results = fmt.Sprintf("bench%d-results", b.runs)
	err = errors.Join(b.declare(b.queues.outbox, b.o.queueType), b.declare(b.queues.results, "classic"))
	if r.keeps != "" {
		err = errors.Join(err, b.declare(b.queues.inbox, r.keeps))
	}
	ds, err3 := b.channel.Consume(b.queues.results, "", true, false, false, false, nil)
	if err := errors.Join(err, err3); err != nil {
		return nil, nil, err
	}
	go count.all(ds)
	return count, func() {
		for _, name := range []string{b.queues.outbox, b.queues.results, b.queues.inbox} {
			_, _ = b.channel.QueueDelete(name, false, false, false) // one that is not there is no error
		}
		_ = conn.Close()
	}, nil
}

func (b *bench) declare(queue, kind string) error {
	args := amqp.Table{}
	if kind == "quorum" {
		args[amqp.QueueTypeArg] = amqp.QueueTypeQuorum
	}
	_, err := b.channel.QueueDeclare(queue, true, false, false, false, args)
	return err
}

// consumed reports whether somebody reads the outbox.
func (b *bench) consumed() bool {
	q, err := b.channel.QueueDeclarePassive(b.queues.outbox, true, false, false, false, nil)
	return err == nil && q.Consumers > 0
}

// stall is how long nothing may happen.
const stall = 30 * time.Second

func (b *bench) await(c contestant, ready func() bool, what string) error {
	for end := time.Now().Add(stall); !ready(); time.Sleep(20 * time.Millisecond) {
		if err := c.alive(); err != nil {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s: nothing for %v", what, stall)
		}
	}
	return nil
}

// counter counts results, and keeps the last one.
type counter struct {
	n, last atomic.Int64
	body    atomic.Pointer[[]byte]
}

func (c *counter) all(ds <-chan amqp.Delivery) {
	for d := range ds {
		c.body.Store(&d.Body)
		c.n.Add(1)
		c.last.Store(time.Now().UnixNano())
	}
}

func (c *counter) reset() { c.n.Store(0) }

// said is the end of the last result, which says why a message was not delivered.
func (c *counter) said() []byte {
	body := c.body.Load()
	if body == nil {
		return nil
	}
	return (*body)[max(0, len(*body)-300):]
}
