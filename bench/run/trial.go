package main

import (
	"errors"
	"fmt"
	"time"
)

// trial is one repeat with everything running.
type trial struct {
	b       *bench
	r       row
	c       contestant
	results *counter
}

// start is where the clock starts.
type start struct {
	at                time.Time
	finished          int
	own, broker, sink time.Duration
}

// done is how many messages are finished, and when the last one was.
func (t *trial) done() (int, time.Time) {
	if t.r.broker && !t.r.bySMTP {
		return int(t.results.n.Load()), time.Unix(0, t.results.last.Load())
	}
	s := t.b.sink.stats()
	return s.Messages, time.Unix(0, s.Last)
}

// warmUp opens connections, fills caches, and lets the sink teach the sender.
func (t *trial) warmUp() error {
	if err := t.c.feed(load{t.r.content, warm, t.r.domains}); err != nil {
		return fmt.Errorf("warm-up: %w", err)
	}
	err := t.b.await(t.c, func() bool { n, _ := t.done(); return n >= warm }, "warm-up")
	if t.r.broker { // the results of mail that came by SMTP too
		err = errors.Join(err, t.b.await(t.c, func() bool { return t.results.n.Load() >= warm }, "warm-up"))
	}
	time.Sleep(300 * time.Millisecond)
	t.b.sink.call("/reset")
	t.results.reset()
	return err
}

func (t *trial) clock(finished int) start {
	return start{time.Now(), finished, cpu(t.c.tree()), cpu(t.b.brokerTree), cpu(t.b.sink.tree())}
}

// run feeds the mail, starts the clock, and waits for the end.
func (t *trial) run() (f figures, err error) {
	memory := peak(t.c.tree())
	defer func() { f.memory = float64(memory()) / (1 << 20) }()
	began := t.clock(0)
	type feed struct {
		took time.Duration
		err  error
	}
	fed := make(chan feed, 1)
	go func() {
		err := t.c.feed(load{t.r.content, t.r.messages, t.r.domains})
		fed <- feed{time.Since(began.at), err}
	}()
	if t.r.latency > 0 {
		if began, err = t.allUp(); err != nil {
			return f, err
		}
	}
	last, err := t.wait()
	if err != nil {
		return f, err
	}
	in := <-fed
	if in.err != nil {
		return f, in.err
	}
	f.accepted = float64(t.r.messages) / in.took.Seconds()
	return t.figures(f, began, last)
}

// allUp waits until all connections stand, or half of the mail is through, and starts the clock then.
func (t *trial) allUp() (s start, err error) {
	finished := 0
	err = t.b.await(t.c, func() bool {
		finished, _ = t.done()
		return t.b.sink.stats().Open >= t.r.connections*95/100 || finished >= t.r.messages/2
	}, "connections")
	return t.clock(finished), err
}

// wait returns when the last message was finished.
func (t *trial) wait() (last time.Time, err error) {
	for n := 0; n < t.r.messages; {
		before := n
		err := t.b.await(t.c, func() bool { n, last = t.done(); return n >= t.r.messages || n > before }, "delivery")
		if err != nil {
			return last, fmt.Errorf("%d of %d messages: %w", n, t.r.messages, err)
		}
	}
	return last, nil
}

func (t *trial) figures(f figures, began start, last time.Time) (figures, error) {
	n := float64(t.r.messages - began.finished)
	now := t.clock(0)
	f.rate = n / last.Sub(began.at).Seconds()
	perMessage := func(before, after time.Duration) float64 { return float64((after - before).Microseconds()) / n }
	f.own = perMessage(began.own, now.own)
	if t.r.broker {
		f.broker = perMessage(began.broker, now.broker)
	}
	f.sink = perMessage(began.sink, now.sink)
	time.Sleep(300 * time.Millisecond) // late doubles
	s := t.b.sink.stats("unique", "1")
	f.trips, f.connections = float64(s.Flushes)/float64(s.Messages), float64(s.Peak)
	if s.Unique != t.r.messages || s.Doubled != 0 {
		return f, fmt.Errorf("%d messages, the sink got %d of them and %d twice; the last result: %s", t.r.messages, s.Unique, s.Doubled, t.results.said())
	}
	return f, t.r.content.check(string(t.b.sink.call("/sample")))
}
