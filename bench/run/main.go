// Command run is the benchmark: it starts a RabbitMQ, sinks and, one after the other, Posthoorn, the bare programs and Postfix,
// gives each the same mail, and prints three tables. No figure is a promise; the ratios of what ran in the same minute on the same
// machine are what is worth reading. Each figure is the median of the repeats, which run interleaved, with the lowest and the
// highest in brackets. All contestants, the load and the sinks share the machine.
//
// The first table is about speed. Rate: messages per second from the first publish to the last result on the results queue, which
// is after the broker confirmed it; where mail comes in by SMTP, to the last message at the sink. CPU: user and system time of the
// process and its children, per message. Both are divided by those of another row, in the same repeat. A repeat counts only if the
// sink got every message exactly once. Where messages are signed, or made from a template, a document, HTML or a store, one that
// arrived must have in it what was asked for, and all programs must sign with the same: Go, or, where they were built with the tag
// openssl, the OpenSSL of the machine. Which one it was stands above the table.
//
// The second table, whose rows begin with intake, is about taking mail in by SMTP. Nobody delivers: Posthoorn puts mail into a queue
// that nobody reads (its own, synced, or one of RabbitMQ, confirmed), Postfix into its hold queue, which it syncs as by default; it
// may start enough processes for all clients, and its limits on clients are off. All clients are in this program, send the same
// bytes to everybody, and keep their connections; MAIL, RCPT and DATA go out together where RFC 2920 allows it, unless the row says
// otherwise. Rate: positive replies to the final dot per second, over a span in which all clients are busy. Memory: the most that the
// processes held; with idle sessions, by how much the daemon grew. A repeat counts only if as many messages were kept as accepted.
//
// The third table, whose rows begin with fair, is about receivers that hold up others. The outbox holds many messages for a
// domain to which nothing, or next to nothing, can go, and behind them mail for many other domains; then the daemon starts.
// Parked: blocked messages that left the outbox per second, beside a bare loop that does nothing but put them into the same local
// queue. Others: rate of the other domains' mail from the first to the last message at their sink, beside what they reach with
// nothing in front of them. Peak RSS: the most memory of the daemon, beside that with a quarter of the blocked messages. A repeat
// counts only if the others got every message exactly once, and every blocked message is found where it waits.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"posthoorn/internal/testbed"
)

func main() {
	o, err := parse()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(64)
	}
	rows, intake, fair := choose(rowsOf(o), o.rows), choose(intakeRowsOf(o), o.rows), choose(fairRowsOf(o), o.rows)
	if o.list {
		for _, r := range append(rows, plainRows(intake)...) {
			fmt.Println(r.name)
		}
		for _, r := range fair {
			fmt.Println(r.name)
		}
		return
	}
	os.Exit(run(o, rows, intake, fair))
}

// run does all repeats and prints the tables; 1: a repeat did not count.
func run(o options, rows []row, intake []intakeRow, fair []fairRow) int {
	h := &host{}
	defer h.clean()
	b := newBench(h, o, slices.ContainsFunc(append(rows, plainRows(intake)...), row.needsBroker) || slices.ContainsFunc(fair, fairRow.needsBroker))
	speed, door, fairness := newTable(speedColumns, rows), newTable(intakeColumns, plainRows(intake)), newFairTable(fair)
	bad := repeat(o, rows, b.measure, speed.add, func(f figures) string { return fmt.Sprintf("%.0f/s", f.rate) })
	bad += repeat(o, intake, b.measureIntake, func(r intakeRow, n int, f figures) { door.add(r.row, n, f) }, func(f figures) string {
		return fmt.Sprintf("%.0f accepted/s, %.0f MiB", f.rate, f.memory)
	})
	bad += repeat(o, fair, b.measureFair, fairness.add, func(f fairFigures) string {
		return fmt.Sprintf("%.0f parked/s, %.0f/s to the others, %.0f MiB", f.parked, f.others, f.memory)
	})
	if b.engine != "" {
		fmt.Printf("All signatures are made with %s.\n", b.engine)
	}
	if len(rows) > 0 {
		speed.print(os.Stdout)
	}
	if len(intake) > 0 {
		door.print(os.Stdout)
	}
	if len(fair) > 0 {
		fairness.print(os.Stdout)
	}
	return min(bad, 1)
}

// repeat measures all rows again and again, and returns how many repeats did not count.
func repeat[R fmt.Stringer, F any](o options, rows []R, measure func(R) (F, error), add func(R, int, F), say func(F) string) (bad int) {
	for n := range o.repeats {
		for _, r := range rows {
			f, err := measure(r)
			if err != nil {
				bad++
				fmt.Fprintf(os.Stderr, "%s, repeat %d does not count: %v\n", r, n+1, err)
				continue
			}
			if o.verbose {
				fmt.Fprintf(os.Stderr, "%s, repeat %d: %s\n", r, n+1, say(f))
			}
			add(r, n, f)
		}
	}
	return bad
}

// newBench starts what all rows share.
func newBench(h *host, o options, withBroker bool) *bench {
	b := &bench{host: h, o: o, dir: h.TempDir(), plain: plain(o.size)}
	sink, port := filepath.Join(o.bin, "bench", "sink"), uint16(freePort(h))
	b.sink, b.blocked = startSink(h, sink, openAddr, domains, port), startSink(h, sink, blockedAddr, 1, port)
	b.names = startNames(h, b.sink, b.blocked)
	if withBroker {
		before := children()
		b.rabbit = testbed.StartRabbitMQ(h)
		b.brokerTree = newChildren(before)
	}
	return b
}
