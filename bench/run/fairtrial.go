package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// fairFigures are what one repeat shows.
type fairFigures struct {
	parked float64 // blocked messages parked per second
	others float64 // messages for the others per second, from the first to the last at their sink
	memory float64 // MiB, the most that was resident
}

// fairTrial is one repeat of a row.
type fairTrial struct {
	b      *bench
	r      fairRow
	dir    string
	outbox outbox
}

// measureFair runs one repeat of a row.
func (b *bench) measureFair(r fairRow) (f fairFigures, err error) {
	b.runs++
	t := &fairTrial{b: b, r: r, dir: filepath.Join(b.dir, strconv.Itoa(b.runs))}
	if err := os.MkdirAll(stateIn(t.dir), 0o755); err != nil {
		return f, err
	}
	defer func() { _ = os.RemoveAll(t.dir) }()
	_, forget, err := b.fresh(r.row)
	if err != nil {
		return f, err
	}
	defer forget()
	t.outbox = embeddedOutbox{stateIn(t.dir)}
	if r.broker {
		t.outbox = remoteOutbox{b}
	}
	if err := t.outbox.fill(load{b.plain, r.blocked, 0}, load{b.plain, r.messages, r.domains}); err != nil {
		return f, fmt.Errorf("filling the outbox: %w", err)
	}
	if r.bare {
		return t.bare()
	}
	return t.daemon()
}

// bare lets the bare loop park, which says itself how fast it was.
func (t *fairTrial) bare() (f fairFigures, err error) {
	args := []string{"-store", storeIn(stateIn(t.dir)), "-n", strconv.Itoa(t.r.blocked), "-outbox", embeddedName}
	if t.r.broker {
		args = append(args[:4], "-outbox", t.b.queues.outbox, "-url", t.b.rabbit.URL())
	}
	p, err := spawn(t.dir, filepath.Join(t.b.o.bin, "bench", "park"), args...)
	if err != nil {
		return f, err
	}
	defer p.stop()
	select {
	case <-p.ended:
	case <-time.After(10 * time.Minute):
		return f, errors.New("the bare loop does not end")
	}
	said, err := os.ReadFile(p.log)
	if err = errors.Join(p.err, err); err == nil {
		f.parked, err = strconv.ParseFloat(strings.TrimSpace(string(said)), 64)
	}
	if err != nil {
		return f, fmt.Errorf("the bare loop: %w: %s", err, said)
	}
	return f, nil
}

// daemon lets Posthoorn park, and deliver to the others.
func (t *fairTrial) daemon() (f fairFigures, err error) {
	t.b.prepareSink(t.r.row)
	t.b.blocked.call("/delay", "d", t.r.delay.String())
	t.b.blocked.call("/reset")
	began := time.Now()
	c, err := startPosthoorn(t.b, t.r.row, t.dir)
	if err != nil {
		return f, err
	}
	w := newWatch(t, c)
	err = w.run()
	f = fairFigures{w.parked(), w.others(), float64(mostResident(c.tree()[0])) / (1 << 20)}
	t.b.blocked.call("/delay", "d", "0s")
	c.stop()
	if err != nil {
		return f, err
	}
	return f, t.account(time.Since(began))
}

// account finds every message again: the others' at their sink once, the blocked ones where they wait, in the outbox, or at
// their own sink as far as that was allowed.
func (t *fairTrial) account(ran time.Duration) error {
	waiting, left, err := leftIn(stateIn(t.dir))
	if t.r.broker && err == nil {
		left, _ = t.outbox.depth()
	}
	open, blocked := t.b.sink.stats("unique", "1"), t.b.blocked.stats("unique", "1")
	switch {
	case err != nil:
		return err
	case open.Unique != t.r.messages || open.Doubled != 0:
		return fmt.Errorf("%d messages for the others, their sink got %d of them and %d twice", t.r.messages, open.Unique, open.Doubled)
	case blocked.Unique > t.r.allowed(ran):
		return fmt.Errorf("the blocked domain got %d messages in %v", blocked.Unique, ran)
	case waiting+left+blocked.Unique != t.r.blocked || blocked.Doubled != 0:
		return fmt.Errorf("%d blocked messages: %d wait, %d are in the outbox, the sink got %d, and %d twice",
			t.r.blocked, waiting, left, blocked.Unique, blocked.Doubled)
	}
	return nil
}
