// Command bare is the shortest program that does, for each message, what an MTA fed by RabbitMQ has to do, and nothing else:
// consume, decode the JSON, sign where that is asked for, send over connections that are kept, publish a result with confirm, and acknowledge after the
// confirm. It has no policy, no retry, no queue of its own and no mercy: any surprise ends it. What it reaches on a machine
// is what a real MTA there can be measured against. The JSON is read, and signatures are made, by the same code as Posthoorn's.
package main

import (
	"flag"
	"log"
	"os"
	"os/signal"
	"syscall"

	amqp "github.com/rabbitmq/amqp091-go"
)

func main() {
	var (
		url         = flag.String("url", "amqp://guest:guest@127.0.0.1:5672/", "broker")
		outbox      = flag.String("outbox", "outbox", "queue to consume")
		results     = flag.String("results", "results", "queue for results")
		sink        = flag.String("sink", "127.1.0.1:2525", "where all mail goes")
		connections = flag.Int("c", 100, "SMTP connections")
		prefetch    = flag.Int("prefetch", 1000, "messages out at most")
		sign        = flag.Bool("sign", false, "sign with the keys that each message brings")
		trips       = flag.Int("trips", 2, "round trips per message: 2, or 1 where the next message is already here")
	)
	flag.Parse()
	in := channel(*url)
	must(in.Qos(*prefetch, 0, false))
	deliveries, err := in.Consume(*outbox, "", false, false, false, false, nil)
	must(err)
	r := newReporter(channel(*url), *results, func(tag uint64) { must(in.Ack(tag, false)) })
	var p *pen
	if *sign {
		p = newPen()
	}
	for range *connections {
		w := &worker{pen: p, addr: *sink, short: *trips == 1, jobs: deliveries, report: r.report}
		go w.run()
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	<-end
}

func channel(url string) *amqp.Channel {
	c, err := amqp.Dial(url)
	must(err)
	ch, err := c.Channel()
	must(err)
	return ch
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
