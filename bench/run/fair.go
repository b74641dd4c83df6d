package main

import (
	"fmt"
	"slices"
	"time"
)

// fairRow is one line of the second table: mail that cannot go out stands in the outbox in front of other mail.
type fairRow struct {
	row                   // its messages are those for the others; its domains, theirs
	blocked int           // messages in front
	bare    bool          // the bare loop parks them, and there are no others
	delay   time.Duration // of each reply of the blocked domain's server
	every   time.Duration // the blocked domain gets a message in this time at most; 0: none

	parking, alone, smaller string // names of the rows to compare with: rate of parking, rate of the others, memory
}

// fairConnections let each domain have one.
const fairConnections = domains + 100

func fairRowsOf(o options) []fairRow {
	return slices.Concat(fairRowsOn(o, "rabbitmq", true), fairRowsOn(o, "embedded", false))
}

// fairRowsOn are the rows of one kind of queue.
func fairRowsOn(o options, queue string, broker bool) []fairRow {
	parking, alone, few := name(queue, "bare parking"), name(queue, "others alone"), name(queue, "%d paused in front", o.blocked/4)
	daemon := func(name string, blocked int, settings ...setting) fairRow {
		r := row{name: name, broker: broker}
		r.world = world{messages: o.others, domains: domains, connections: fairConnections}
		r.settings = slices.Concat(allAtOnce, settings)
		return fairRow{row: r, blocked: blocked, parking: parking, alone: alone, smaller: few}
	}
	limited := daemon(name(queue, "%d at one a minute in front", o.blocked), o.blocked, oneAMinute)
	limited.every = time.Minute
	slow := daemon(name(queue, "%d for a slow server in front", o.blocked), o.blocked, oneAtATime)
	slow.delay, slow.every = o.slow, o.slow
	first := daemon(few, o.blocked/4, paused)
	first.smaller = ""
	return []fairRow{
		{row: row{name: parking, broker: broker}, blocked: o.blocked, bare: true},
		{row: daemon(alone, 0, paused).row},
		first,
		daemon(name(queue, "%d paused in front", o.blocked), o.blocked, paused),
		limited,
		slow,
	}
}

// allowed is how many messages the blocked domain may have got after a time.
func (r fairRow) allowed(ran time.Duration) int {
	if r.every == 0 {
		return 0
	}
	return 1 + int(ran/r.every)
}

func name(queue, form string, args ...any) string {
	return "fair, " + queue + ": " + fmt.Sprintf(form, args...)
}
