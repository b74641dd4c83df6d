package main

import (
	"fmt"
	"regexp"
	"time"
)

// row is one line of the table: a contestant, how mail comes in, and how the world is.
type row struct {
	name        string
	start       func(b *bench, r row, dir string) (contestant, error)
	broker      bool   // RabbitMQ takes part, and results are counted there
	bySMTP      bool   // mail comes in by SMTP: the rate counts to the sink
	against     string // the row that this one's rate is divided by, in the same repeat
	messages    int
	domains     int
	connections int
	latency     time.Duration
	deny        bool // the sink makes the sender go back to two round trips
	settings    []setting
}

func rowsOf(o options) []row {
	amqp := func(b *bench, r row, dir string) (contestant, error) { return startPosthoorn(b, r, dir, false) }
	smtp := func(b *bench, r row, dir string) (contestant, error) { return startPosthoorn(b, r, dir, true) }
	short := func(b *bench, r row, dir string) (contestant, error) { return startBare(b, r, dir, "1") }
	long := func(b *bench, r row, dir string) (contestant, error) { return startBare(b, r, dir, "2") }
	near := row{messages: o.messages, domains: 1, connections: 100, settings: allAtOnce}
	far := row{messages: o.slowMessages, domains: 1, connections: 1000, latency: o.latency, settings: allAtOnce}
	of := func(r row, name string, start func(*bench, row, string) (contestant, error), set func(*row)) row {
		r.name, r.start = name, start
		set(&r)
		return r
	}
	queue := func(against string) func(*row) { return func(r *row) { r.broker, r.against = true, against } }
	denied := func(against string) func(*row) {
		return func(r *row) { r.broker, r.against, r.deny = true, against, true }
	}
	return []row{
		of(near, "bare, 1 round trip", short, queue("")),
		of(near, "posthoorn, 1 round trip", amqp, queue("bare, 1 round trip")),
		of(near, "bare, 2 round trips", long, queue("")),
		of(near, "posthoorn, 2 round trips", amqp, denied("bare, 2 round trips")),
		of(near, "posthoorn, 100 domains", amqp, func(r *row) { r.broker, r.domains, r.against = true, 100, "posthoorn, 1 round trip" }),
		of(near, "postfix, by SMTP", startPostfix, func(r *row) { r.bySMTP = true }),
		of(near, "posthoorn, by SMTP", smtp, func(r *row) { r.broker, r.bySMTP, r.against = true, true, "postfix, by SMTP" }),
		of(near, "posthoorn embedded, by SMTP", smtp, func(r *row) { r.bySMTP, r.against = true, "postfix, by SMTP" }),
		of(near, "posthoorn embedded, by command", amqp, func(*row) {}),
		of(near, "posthoorn, against postfix", amqp, queue("postfix, by SMTP")),
		of(far, "bare, latency, 1 round trip", short, queue("")),
		of(far, "posthoorn, latency, 1 round trip", amqp, queue("bare, latency, 1 round trip")),
		of(far, "bare, latency, 2 round trips", long, queue("")),
		of(far, "posthoorn, latency, 2 round trips", amqp, denied("bare, latency, 2 round trips")),
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
