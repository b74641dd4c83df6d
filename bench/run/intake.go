package main

import (
	"fmt"
	"time"
)

// intakeRow is one line of the table about taking mail in: SMTP clients hand in messages, which stay where they are durable.
type intakeRow struct {
	row
	clients int
	single  bool // a command is sent when the one before it has its answer, against RFC 2920's grouping
	again   bool // a connection carries one message
	idle    int  // sessions beside them that say nothing after EHLO
	slow    int  // sessions beside them that send a byte a second
}

// What intakeRow.keeps is where there is no RabbitMQ.
const onDisk = "disk"

func intakeRowsOf(o options) (rows []intakeRow) {
	for _, size := range []int{1, 10, 100} {
		for _, clients := range []int{1, 20, 100} {
			rows = append(rows, peers(size<<10, intakeRow{clients: clients}, fmt.Sprintf("%d KB, clients: %d", size, clients))...)
		}
	}
	rows = append(rows, peers(10<<10, intakeRow{clients: 20, single: true}, "10 KB, 20 clients that wait for each reply")...)
	rows = append(rows, peers(10<<10, intakeRow{clients: 20, again: true}, "10 KB, 20 clients, a connection a message")...)
	return append(rows, crowdRows(o)...)
}

// peers are the same row for everybody, beside Postfix.
func peers(size int, r intakeRow, what string) []intakeRow {
	relay := "intake, " + what + ": postfix"
	each := []row{
		{name: relay, start: startPostfix, keeps: onDisk},
		{name: "intake, " + what + ": posthoorn embedded", keeps: onDisk, against: relay},
		{name: "intake, " + what + ": posthoorn quorum", keeps: "quorum", broker: true, against: relay},
		{name: "intake, " + what + ": posthoorn classic", keeps: "classic", broker: true, against: relay},
	}
	rows := make([]intakeRow, len(each))
	for i := range each {
		rows[i] = r
		rows[i].row = each[i]
		rows[i].fill(size)
	}
	return rows
}

// crowdRows are those with many sessions that do next to nothing.
func crowdRows(o options) []intakeRow {
	const clients = 20
	alone := "intake, loris: nobody beside 20 clients"
	rows := []intakeRow{
		{row: row{name: alone}, clients: clients},
		{row: row{name: fmt.Sprintf("intake, loris: %d slow clients beside 20", o.loris), against: alone}, clients: clients, slow: o.loris},
		{row: row{name: fmt.Sprintf("intake, idle: what %d sessions hold", o.idle)}, idle: o.idle},
	}
	for i := range rows {
		rows[i].keeps = onDisk
		rows[i].fill(10 << 10)
		rows[i].connections = rows[i].clients + rows[i].idle + o.loris + spareSessions
	}
	return rows
}

const spareSessions = 10

// fill says what all have: outgoing connections are not used, the number is that of sessions.
func (r *intakeRow) fill(size int) {
	if r.start == nil {
		r.start = startPosthoorn
	}
	r.world = world{messages: 1, connections: r.clients + spareSessions, settings: allAtOnce}
	r.content = plain(size)
}

func plainRows(rows []intakeRow) []row {
	plain := make([]row, len(rows))
	for i := range rows {
		plain[i] = rows[i].row
	}
	return plain
}

var intakeColumns = []column{
	{"accepted/s", "%.0f", rate},
	{"CPU µs", "%.0f", own},
	{"broker µs", "%.0f", func(f figures) float64 { return f.broker }},
	{"client µs", "%.0f", func(f figures) float64 { return f.load }},
	{"MiB", "%.0f", func(f figures) float64 { return f.memory }},
}

// warmIntake is how long clients run before the clock starts: Postfix starts its processes meanwhile.
func (o options) warmIntake() time.Duration { return max(o.intake/4, 500*time.Millisecond) }
