// Command run is the benchmark: it starts a RabbitMQ, a sink and, one after the other, Posthoorn, the bare program and Postfix,
// gives each the same mail, and prints one table. No figure is a promise; the ratios of what ran in the same minute on the same
// machine are what is worth reading.
//
// Rate: messages per second from the first publish to the last result on the results queue, which is after the broker confirmed
// it; where mail comes in by SMTP, to the last message at the sink. CPU: user and system time of the process and its children,
// per message. All contestants, the load and the sink share the machine. Each figure is the median of the repeats, which run
// interleaved, with the lowest and the highest in brackets. A repeat counts only if the sink got every message exactly once.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"posthoorn/internal/testbed"
)

// options are the flags.
type options struct {
	messages, slowMessages, repeats, size int
	rows                                  *regexp.Regexp
	bin, queueType                        string
	latency                               time.Duration
	verbose                               bool
}

func main() {
	o := options{}
	rows := flag.String("rows", "", "regular expression: only rows whose name matches")
	quick := flag.Bool("quick", false, "one repeat with few messages: shows that everything works, not how fast")
	list := flag.Bool("list", false, "print the names of the rows")
	flag.IntVar(&o.messages, "n", 10_000, "messages of a repeat")
	flag.IntVar(&o.slowMessages, "nslow", 30_000, "messages of a repeat with latency")
	flag.IntVar(&o.repeats, "repeats", 3, "repeats of each row")
	flag.IntVar(&o.size, "size", 10<<10, "bytes of a message")
	flag.DurationVar(&o.latency, "latency", 50*time.Millisecond, "latency of each reply in the rows with latency")
	flag.StringVar(&o.queueType, "queue-type", "classic", "type of the outbox on RabbitMQ: classic or quorum")
	flag.StringVar(&o.bin, "bin", "", "folder of posthoorn and bench/{sink,bare}; default: beside this program")
	flag.BoolVar(&o.verbose, "v", false, "print each repeat")
	flag.Parse()
	if *quick {
		o.messages, o.slowMessages, o.repeats = 2_000, 6_000, 1
	}
	var err error
	if o.rows, err = regexp.Compile(*rows); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(64)
	}
	if o.bin == "" {
		self, err := os.Executable()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(69)
		}
		o.bin = filepath.Dir(filepath.Dir(self))
	}
	chosen := choose(rowsOf(o), o.rows)
	if *list {
		for _, r := range chosen {
			fmt.Println(r.name)
		}
		return
	}
	os.Exit(run(o, chosen))
}

// run does all repeats and prints the tables; 1: a repeat did not count.
func run(o options, rows []row) int {
	h := &host{}
	defer h.clean()
	b := newBench(h, o, needsBroker(rows))
	t := newTable(rows)
	bad := 0
	for repeat := range o.repeats {
		for _, r := range rows {
			f, err := b.measure(r)
			if err != nil {
				bad++
				fmt.Fprintf(os.Stderr, "%s, repeat %d does not count: %v\n", r.name, repeat+1, err)
				continue
			}
			if o.verbose {
				fmt.Fprintf(os.Stderr, "%s, repeat %d: %.0f/s\n", r.name, repeat+1, f.rate)
			}
			t.add(r, repeat, f)
		}
	}
	t.print(os.Stdout)
	if bad > 0 {
		return 1
	}
	return 0
}

func needsBroker(rows []row) bool {
	for _, r := range rows {
		if r.broker {
			return true
		}
	}
	return false
}

// newBench starts what all rows share.
func newBench(h *host, o options, withBroker bool) *bench {
	b := &bench{host: h, o: o, dir: h.TempDir(), source: source(o.size)}
	b.sink = startSink(h, filepath.Join(o.bin, "bench", "sink"))
	b.names = startNames(h)
	if withBroker {
		before := children()
		b.rabbit = testbed.StartRabbitMQ(h)
		b.brokerTree = newChildren(before)
	}
	return b
}
