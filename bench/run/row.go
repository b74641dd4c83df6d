package main

import (
	"fmt"
	"regexp"
	"time"
)

// row is one line of the table: a contestant, how mail comes in, what it is, and how the world is.
type row struct {
	name string
	world
	start   func(b *bench, r row, dir string) (contestant, error)
	content content
	broker  bool   // RabbitMQ takes part, and results are counted there
	bySMTP  bool   // mail comes in by SMTP: the rate counts to the sink
	against string // the row that this one is divided by, in the same repeat
	deny    bool   // the sink makes the sender go back to two round trips
	watched bool   // a browser has the SMTP monitor open
	keeps   string // mail stays where it was taken in; on RabbitMQ this is the type of that queue
}

// world is what mail meets.
type world struct {
	messages    int
	domains     int
	connections int
	latency     time.Duration
	settings    []setting
}

func rowsOf(o options) []row {
	c := contentsOf(o.size)
	near := world{messages: o.messages, domains: 1, connections: 100, settings: allAtOnce}
	many, far := near, world{messages: o.slowMessages, domains: 1, connections: 1000, latency: o.latency, settings: allAtOnce}
	many.domains = 100
	short := func(b *bench, r row, dir string) (contestant, error) { return startBare(b, r, dir, "1") }
	long := func(b *bench, r row, dir string) (contestant, error) { return startBare(b, r, dir, "2") }
	const (
		bare1, bare2       = "bare, 1 round trip", "bare, 2 round trips"
		slow1, slow2       = "bare, latency, 1 round trip", "bare, latency, 2 round trips"
		rsa, ed25519, both = "bare, RSA-2048", "bare, Ed25519", "bare, RSA-2048 and Ed25519"
		plain, relay       = "posthoorn, 1 round trip", "postfix, by SMTP"
	)
	rows := []row{
		{name: bare1, start: short, broker: true},
		{name: plain, broker: true, against: bare1},
		{name: bare2, start: long, broker: true},
		{name: "posthoorn, 2 round trips", broker: true, against: bare2, deny: true},
		{name: "posthoorn, watched", broker: true, against: plain, watched: true},
		{name: "posthoorn, 100 domains", world: many, broker: true, against: plain},

		{name: relay, start: startPostfix, bySMTP: true},
		{name: "posthoorn, by SMTP", broker: true, bySMTP: true, against: relay},
		{name: "posthoorn embedded, by SMTP", bySMTP: true, against: relay},
		{name: "posthoorn embedded, by command"},
		{name: "posthoorn, against postfix", broker: true, against: relay},

		{name: rsa, start: short, content: c.rsa, broker: true, against: bare1},
		{name: "posthoorn, RSA-2048", content: c.rsa, broker: true, against: rsa},
		{name: ed25519, start: short, content: c.ed25519, broker: true, against: bare1},
		{name: "posthoorn, Ed25519", content: c.ed25519, broker: true, against: ed25519},
		{name: both, start: short, content: c.both, broker: true, against: bare1},
		{name: "posthoorn, RSA-2048 and Ed25519", content: c.both, broker: true, against: both},
		{name: "posthoorn, personalised", content: c.personalised, broker: true, against: plain},
		{name: "posthoorn, inlined", content: c.inlined, broker: true, against: plain},
		{name: "posthoorn, built from JSON", content: c.built, broker: true, against: plain},
		{name: "posthoorn, body in a store", content: c.stored, broker: true, against: plain},

		{name: slow1, world: far, start: short, broker: true},
		{name: "posthoorn, latency, 1 round trip", world: far, broker: true, against: slow1},
		{name: slow2, world: far, start: long, broker: true},
		{name: "posthoorn, latency, 2 round trips", world: far, broker: true, against: slow2, deny: true},
	}
	for i := range rows {
		rows[i].fill(near, c.plain)
	}
	return rows
}

// fill says what most rows do not: Posthoorn takes part, the world is near, mail is plain.
func (r *row) fill(near world, plain content) {
	if r.start == nil {
		r.start = startPosthoorn
	}
	if r.messages == 0 {
		r.world = near
	}
	if r.content.json == "" {
		r.content = plain
	}
}

// String is the name.
func (r row) String() string { return r.name }

func (r row) needsBroker() bool { return r.broker }

func choose[R fmt.Stringer](rows []R, pattern *regexp.Regexp) (chosen []R) {
	for _, r := range rows {
		if pattern.MatchString(r.String()) {
			chosen = append(chosen, r)
		}
	}
	return chosen
}
