package brokertest

import (
	"cmp"
	"maps"
	"slices"
	"testing"

	"posthoorn/internal/broker"
)

// credit: never more out than it allows, and all of it is used.
func credit(t *testing.T, f Factory) {
	w := newWorld(t, f)
	const limit, n = 7, 200
	w.publish(0, n, 0)
	in := newInbox(t)
	c := w.consume(limit, in)
	for left := n; left > 0; {
		in.wait("the whole credit", func() bool { return len(in.open) == min(limit, left) })
		// Settle a random one of those that are out, so that gaps arise.
		if d := in.pick(w.rand.IntN); w.rand.IntN(10) == 0 {
			in.nack(c, d)
		} else {
			in.ack(c, d)
			left--
		}
	}
	if most := in.mostOpen(); most != limit {
		t.Errorf("%d deliveries were out at once, the credit is %d", most, limit)
	}
	closeFlushed(t, w, c)
	w.assertEmpty()
}

// pick is a random one of what is out.
func (in *inbox) pick(random func(int) int) delivery {
	in.mu.Lock()
	defer in.mu.Unlock()
	out := slices.SortedFunc(maps.Values(in.open), func(a, b delivery) int { return cmp.Compare(a.Ticket.Tag, b.Ticket.Tag) })
	if len(out) == 0 {
		in.t.Fatal("nothing is out")
	}
	return out[random(len(out))]
}

// nack: the message comes again, marked.
func nack(t *testing.T, f Factory) {
	w := newWorld(t, f)
	w.publish(0, 50, 0)
	in := newInbox(t)
	in.on = func(c broker.Consumer, d delivery) {
		if d.Redelivered {
			in.ack(c, d)
		} else {
			in.nack(c, d)
		}
	}
	c := w.consume(10, in)
	in.wait("everything twice", func() bool { return len(in.got) >= 100 })
	for i := range 50 {
		if in.seen[i] != 2 {
			t.Errorf("message %d came %d times", i, in.seen[i])
		}
	}
	closeFlushed(t, w, c)
	w.assertEmpty()
}

// foreignTickets: settling what is no ticket, or for the second time, does nothing.
func foreignTickets(t *testing.T, f Factory) {
	w := newWorld(t, f)
	w.publish(0, 5, 0)
	in := newInbox(t)
	c := w.consume(5, in)
	in.waitFor(5)
	first := in.all()[0]
	for _, ticket := range []broker.Ticket{
		{}, {Epoch: first.Ticket.Epoch, Tag: 1 << 50, Channel: first.Ticket.Channel},
		{Epoch: first.Ticket.Epoch + 1, Tag: first.Ticket.Tag, Channel: first.Ticket.Channel},
		{Epoch: first.Ticket.Epoch - 1, Tag: first.Ticket.Tag, Channel: first.Ticket.Channel},
		{Epoch: first.Ticket.Epoch, Tag: first.Ticket.Tag, Channel: first.Ticket.Channel + 1},
	} {
		c.Ack(ticket)
		c.Nack(ticket)
	}
	in.ack(c, first)
	c.Ack(first.Ticket)
	c.Nack(first.Ticket)
	closeFlushed(t, w, c)
	rest := acking(t)
	w.consume(5, rest)
	rest.wait("the other four", func() bool { return len(rest.seen) == 4 })
	if rest.seen[first.number] != 0 {
		t.Error("an acked message came again")
	}
}

// twoConsumers: two channels share a queue; each has its own credit.
func twoConsumers(t *testing.T, f Factory) {
	w := newWorld(t, f)
	const n = 200
	w.publish(0, n, 0)
	in := newInbox(t)
	c := w.consumeMany(2, 10, in)
	in.waitFor(20)
	channels := map[uint32]int{}
	in.each(func(d delivery) { channels[d.Ticket.Channel]++ })
	if !f.OneChannel && (len(channels) != 2 || in.mostOpen() > 10) {
		t.Errorf("deliveries by channel: %v", channels)
	}
	in.mu.Lock()
	in.on = func(c broker.Consumer, d delivery) { in.ack(c, d) }
	early := append([]delivery(nil), in.got...)
	in.mu.Unlock()
	for _, d := range early {
		in.ack(c, d)
	}
	in.waitForAll(n)
	closeFlushed(t, w, c)
	w.assertEmpty()
}

// pauseResume: nothing is handed out from the return of Pause to the call of Resume, and nothing is lost by it.
func pauseResume(t *testing.T, f Factory) {
	w := newWorld(t, f)
	const n = 3000
	w.publish(0, n, 0)
	in := acking(t)
	c := w.consume(50, in)
	for round := 1; round <= 5; round++ {
		in.waitFor(n * round / 10)
		if err := c.Pause(w.ctx()); err != nil {
			t.Fatal(err)
		}
		before := in.count()
		if err := c.Pause(w.ctx()); err != nil {
			t.Errorf("second Pause: %v", err)
		}
		if err := c.Flush(w.ctx()); err != nil {
			t.Errorf("Flush while paused: %v", err)
		}
		w.publish(n+round, 1, 0) // time passes, and there is more to hand out
		if now := in.count(); now != before {
			t.Errorf("%d deliveries while paused", now-before)
		}
		if err := c.Resume(w.ctx()); err != nil {
			t.Fatal(err)
		}
		if err := c.Resume(w.ctx()); err != nil {
			t.Errorf("second Resume: %v", err)
		}
	}
	in.waitForAll(n)
	in.wait("what was published meanwhile", func() bool { return len(in.seen) == n+5 })
	closeFlushed(t, w, c)
	w.assertEmpty()
}

// pauseCredit: what is out over a pause counts after it, and its credit comes back as it is settled.
func pauseCredit(t *testing.T, f Factory) {
	w := newWorld(t, f)
	const limit = 20
	w.publish(0, 200, 0)
	in := newInbox(t)
	c := w.consume(limit, in)
	for round := range 3 {
		in.wait("the whole credit", func() bool { return len(in.open) == limit })
		if err := c.Pause(w.ctx()); err != nil {
			t.Fatal(err)
		}
		for range 5 * round {
			in.ack(c, in.pick(w.rand.IntN))
		}
		if err := c.Resume(w.ctx()); err != nil {
			t.Fatal(err)
		}
	}
	in.wait("the whole credit", func() bool { return len(in.open) == limit })
	// Settle all that is out; then a whole credit has to come again.
	in.mu.Lock()
	out := slices.Collect(maps.Values(in.open))
	in.mu.Unlock()
	for _, d := range out {
		in.ack(c, d)
	}
	in.wait("a whole credit again", func() bool { return len(in.open) == limit })
	if most := in.mostOpen(); most > limit {
		t.Errorf("%d deliveries were out at once, the credit is %d", most, limit)
	}
	closeFlushed(t, w, c)
}

// flush: what was acked before it does not come again.
func flush(t *testing.T, f Factory) {
	w := newWorld(t, f)
	w.publish(0, 100, 0)
	in := newInbox(t)
	c := w.consume(100, in)
	in.waitFor(100)
	acked := map[int]bool{}
	for len(acked) < 50 {
		d := in.pick(w.rand.IntN)
		in.ack(c, d)
		acked[d.number] = true
	}
	if err := c.Flush(w.ctx()); err != nil {
		t.Fatal(err)
	}
	second := acking(t)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	w.consume(100, second)
	second.wait("the other half", func() bool { return len(second.seen) >= 50 })
	second.each(func(d delivery) {
		if acked[d.number] {
			t.Errorf("message %d was acked before the Flush and came again", d.number)
		}
		if !d.Redelivered {
			t.Errorf("message %d came again without its mark", d.number)
		}
	})
}

// closeGivesBack: what is out at Close is for others at once; a ticket of it settles nothing any more.
func closeGivesBack(t *testing.T, f Factory) {
	w := newWorld(t, f)
	w.publish(0, 60, 0)
	in := newInbox(t)
	c := w.consume(30, in)
	in.waitFor(30)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	in.each(func(d delivery) { c.Ack(d.Ticket) })
	if err := c.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	second := acking(t)
	w.consume(60, second)
	second.waitForAll(60)
	again := 0
	second.each(func(d delivery) {
		if d.Redelivered {
			again++
		}
	})
	if again < 30 {
		t.Errorf("%d messages are marked as redelivered, 30 were out", again)
	}
}
