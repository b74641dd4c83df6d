package app

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/app/config"
	"posthoorn/internal/localqueue"
	"posthoorn/internal/mail"
	"posthoorn/internal/sink"
)

// trialOf starts a daemon on the embedded queue whose mail goes to a sink of its own.
func trialOf(tb testing.TB, lines ...string) (*Daemon, *sink.Server) {
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
		"state-directory: " + dir, "smtp-port:", "smtp-sink-address: " + host, "smtp-sink-port: " + port,
		"rabbitmq-results: results", "error-log:", "send-log-directory:", "send-bin-log-directory:", "received-log-directory:",
	}, lines...), "\n")
	file := filepath.Join(dir, "config.txt")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	cfg, err := config.Load(&config.Command{ConfigFile: file}, config.Source{Default: "/dev/null", CheckTemplate: checkTemplate})
	if err != nil {
		tb.Fatal(err)
	}
	d, err := Start(cfg, io.Discard)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(d.Stop)
	return d, s
}

// BenchmarkEmbedded is the whole trip of a 10 KB message on the embedded queue, the receiver included.
func BenchmarkEmbedded(b *testing.B) {
	d, _ := trialOf(b)
	source := "Subject: bench\r\n\r\n" + strings.Repeat(strings.Repeat("x", 76)+"\r\n", 128)
	batch := new(localqueue.Batch)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		body := (&mail.Object{}).String("envelope", "a@from.test").String("recipient", fmt.Sprintf("u%d@d%d.test", i, i%10)).String("mime", source).Bytes()
		batch.Publish(d.cfg.RabbitMQ.Outbox, localqueue.Message{Body: body, Published: time.Now()})
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
