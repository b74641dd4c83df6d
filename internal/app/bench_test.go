package app

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"posthoorn/internal/app/config"
	"posthoorn/internal/broker"
	"posthoorn/internal/localqueue"
	"posthoorn/internal/mail"
	"posthoorn/internal/sink"
	"posthoorn/internal/testbed"
)

// trialOf starts a daemon on the embedded queue whose mail goes to a sink of its own.
func trialOf(tb testing.TB, lines ...string) (*Daemon, *sink.Server) {
	tb.Helper()
	return trialWith(tb, &config.Command{}, lines...)
}

// trialWith is trialOf with the switches of a command line. Later lines count more.
func trialWith(tb testing.TB, cmd *config.Command, lines ...string) (*Daemon, *sink.Server) {
	tb.Helper()
	s, err := sink.New(sink.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	go s.Serve()
	tb.Cleanup(func() { _ = s.Close() })
	host, port, _ := strings.Cut(s.Addresses()[0].String(), ":")
	dir := tb.TempDir()
	text := strings.Join(append([]string{
		"state-directory: " + dir, "www-port: 0", "smtp-port:", "smtp-sink-address: " + host, "smtp-sink-port: " + port,
		"rabbitmq-results: results", "error-log:", "send-log-directory:", "send-bin-log-directory:", "received-log-directory:",
	}, lines...), "\n")
	file := filepath.Join(dir, "config.txt")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	cmd.ConfigFile = file
	cfg, err := config.Load(cmd, config.Source{Default: "/dev/null", CheckTemplate: checkTemplate})
	if err != nil {
		tb.Fatal(err)
	}
	d, err := Start(cfg, "test", io.Discard)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(d.Stop)
	return d, s
}

const benchSource = 10 << 10

func benchBody(i int) []byte {
	source := "Subject: bench\r\n\r\n" + strings.Repeat(strings.Repeat("x", 76)+"\r\n", benchSource/78)
	return (&mail.Object{}).String("envelope", "a@from.test").String("recipient", fmt.Sprintf("u%d@d%d.test", i, i%10)).String("mime", source).Bytes()
}

// BenchmarkRabbitMQ is the whole trip of a 10 KB message over RabbitMQ, load and receiver included.
func BenchmarkRabbitMQ(b *testing.B) {
	rabbit := testbed.StartRabbitMQ(b)
	d, _ := trialOf(b, "rabbitmq-address: "+rabbit.URL())
	var left sync.WaitGroup
	left.Add(b.N)
	results, err := d.broker.Consume(d.cfg.RabbitMQ.Results, 1, 20000, countDown{&left})
	if err != nil {
		b.Fatal(err)
	}
	defer results.Close()
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		d.broker.Send(b.Context(), []broker.Publishing{{Queue: d.cfg.RabbitMQ.Outbox, Body: benchBody(i)}}, func(err error) {
			if err != nil {
				b.Error(err)
			}
		})
	}
	left.Wait()
}

type countDown struct{ left *sync.WaitGroup }

func (c countDown) Deliver(broker.Delivery) { c.left.Done() }
func (c countDown) Lost(uint32, uint64)     {}

// BenchmarkEmbedded is the whole trip of a 10 KB message on the embedded queue, the receiver included.
func BenchmarkEmbedded(b *testing.B) {
	d, _ := trialOf(b)
	batch := new(localqueue.Batch)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		batch.Publish(d.cfg.RabbitMQ.Outbox, localqueue.Message{Body: benchBody(i), Published: time.Now()})
		if batch.Len() == 100 || i == b.N-1 {
			if err := d.store.Do(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
			batch.Reset()
		}
	}
	for left := b.N; left > 0; {
		ack := new(localqueue.Batch)
		taken := d.store.Take(d.cfg.RabbitMQ.Results, 1000, nil)
		for _, t := range taken {
			ack.Ack(d.cfg.RabbitMQ.Results, t.Seq)
		}
		if left -= len(taken); len(taken) == 0 {
			<-d.store.Ready(d.cfg.RabbitMQ.Results)
		}
		if err := d.store.Do(b.Context(), ack); err != nil {
			b.Fatal(err)
		}
	}
}
