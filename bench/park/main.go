// Command park is the shortest program that does, for each message, what an MTA has to do with mail that cannot go out now, and
// nothing else: consume, put it into the local queue, and acknowledge when it is durable there. It reads no JSON, looks at no
// limit and decides nothing. What it reaches on a machine is what the parking of a real MTA there can be measured against. The
// local queue is the same code as Posthoorn's.
//
// With -url it consumes from RabbitMQ, without from the named queue in the same store. It ends when -n messages are parked, and
// prints how many a second that were, without the first twentieth, in which everything gets going.
package main

import (
	"flag"
	"fmt"
	"log"

	"posthoorn/internal/localqueue"
)

// place is where all of them wait.
var place = localqueue.Place{Destination: "blocked.bench.test", Sources: "127.0.0.1"}

func main() {
	var (
		url      = flag.String("url", "", "broker; empty: the queue is in the store")
		outbox   = flag.String("outbox", "outbox", "queue to consume")
		dir      = flag.String("store", "", "folder of the local queue")
		prefetch = flag.Int("prefetch", 1000, "messages out at most")
		n        = flag.Int("n", 1000, "messages to park")
	)
	flag.Parse()
	store, err := localqueue.Open(*dir, localqueue.Options{})
	must(err)
	t := newTally(*n)
	if *url != "" {
		fromBroker(*url, *outbox, *prefetch, store, t)
	} else {
		fromStore(*outbox, *prefetch, store, t)
	}
	must(store.Close())
	fmt.Printf("%.0f\n", t.rate())
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
