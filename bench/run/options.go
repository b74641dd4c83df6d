package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// options are the flags.
type options struct {
	messages, slowMessages, repeats, size int
	blocked, others                       int
	rows                                  *regexp.Regexp
	bin, queueType                        string
	idle, loris                           int
	latency, slow, intake                 time.Duration
	list, verbose                         bool
}

// usage is what -h prints.
func usage() {
	fmt.Fprint(flag.CommandLine.Output(), `The yardsticks of Posthoorn: make bench, with flags in BENCH, such as make bench BENCH='-quick -rows Ed25519'.

Signatures are made in Go, unless both programs were built for the OpenSSL of the machine. To compare the two:

    make bench BENCH='-rows RSA'
    make bench BENCH='-rows RSA' GOFLAGS=-tags=openssl

What made them stands above the table. Afterwards make build brings the normal program back.

`)
	flag.PrintDefaults()
}

// parse reads the command line.
func parse() (o options, err error) {
	rows := flag.String("rows", "", "regular expression: only rows whose name matches, such as ^fair")
	quick := flag.Bool("quick", false, "one repeat with few messages: shows that everything works, not how fast")
	flag.BoolVar(&o.list, "list", false, "print the names of the rows")
	flag.IntVar(&o.messages, "n", 10_000, "messages of a repeat")
	flag.IntVar(&o.slowMessages, "nslow", 30_000, "messages of a repeat with latency")
	flag.IntVar(&o.blocked, "nblocked", 200_000, "messages for the blocked domain, in the rows that begin with fair")
	flag.IntVar(&o.others, "nothers", 50_000, "messages for the other domains behind them")
	flag.IntVar(&o.repeats, "repeats", 3, "repeats of each row")
	flag.IntVar(&o.size, "size", 10<<10, "bytes of a message")
	flag.DurationVar(&o.latency, "latency", 50*time.Millisecond, "latency of each reply in the rows with latency")
	flag.DurationVar(&o.slow, "slow", 10*time.Second, "latency of each reply of the slow server in the rows that begin with fair")
	flag.DurationVar(&o.intake, "intake", 2*time.Second, "time of a repeat, in the rows that begin with intake")
	flag.IntVar(&o.idle, "nidle", 10_000, "idle sessions, in the row about them")
	flag.IntVar(&o.loris, "nloris", 1000, "clients with a byte a second, in the row about them")
	flag.StringVar(&o.queueType, "queue-type", "classic", "type of the outbox on RabbitMQ: classic or quorum")
	flag.StringVar(&o.bin, "bin", "", "folder of posthoorn and bench/{sink,bare,park}; default: beside this program")
	flag.BoolVar(&o.verbose, "v", false, "print each repeat")
	flag.Usage = usage
	flag.Parse()
	if *quick {
		o.messages, o.slowMessages, o.blocked, o.others, o.repeats = 2_000, 6_000, 8_000, 4_000, 1
		o.intake, o.idle, o.loris = 300*time.Millisecond, 1000, 200
	}
	if o.rows, err = regexp.Compile(*rows); err != nil {
		return o, err
	}
	if o.bin == "" {
		var self string
		self, err = os.Executable()
		o.bin = filepath.Dir(filepath.Dir(self))
	}
	return o, err
}
