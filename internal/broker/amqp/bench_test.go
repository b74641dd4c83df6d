package amqp_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/broker/amqp"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

const benchBody = 10_000

// cpu is the processor time of this process, which a busy machine changes less than the clock.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func measured(b *testing.B, f func()) {
	b.Helper()
	b.ReportAllocs()
	b.SetBytes(benchBody)
	b.ResetTimer()
	before := cpu()
	f()
	b.StopTimer()
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-us/op")
}

func benchURL(b testing.TB) string {
	b.Helper()
	return rabbit.Get(b).URL()
}

func benchQueue(b *testing.B) string {
	b.Helper()
	return fmt.Sprint(b.Name(), time.Now().UnixNano())
}

func opened(b *testing.B, o amqp.Options) *amqp.Broker {
	b.Helper()
	o.Address = benchURL(b)
	br, err := amqp.New(o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = br.Close() })
	return br
}

func fill(b *testing.B, br *amqp.Broker, queue string, n int) {
	b.Helper()
	body := make([]byte, benchBody)
	var left sync.WaitGroup
	left.Add(n)
	for range n {
		br.Send(context.Background(), []broker.Publishing{{Queue: queue, Body: body, ID: "1"}}, func(err error) {
			if err != nil {
				b.Error(err)
			}
			left.Done()
		})
	}
	left.Wait()
}

func BenchmarkPublish(b *testing.B) {
	br := opened(b, amqp.Options{Publishers: 2})
	queue := benchQueue(b)
	fill(b, br, queue, 1)
	measured(b, func() { fill(b, br, queue, b.N) })
}

func BenchmarkPublishDirect(b *testing.B) {
	queue := benchQueue(b)
	const connections = 2
	var publishing sync.WaitGroup
	body := make([]byte, benchBody)
	var channels []*amqp091.Channel
	for range connections {
		ch := direct(b)
		if _, err := ch.QueueDeclare(queue, true, false, false, false, nil); err != nil {
			b.Fatal(err)
		}
		if err := ch.Confirm(false); err != nil {
			b.Fatal(err)
		}
		channels = append(channels, ch)
	}
	measured(b, func() {
		for _, ch := range channels {
			publishing.Go(func() { publishDirect(b, ch, queue, body, b.N/connections) })
		}
		publishing.Wait()
	})
}

func publishDirect(b *testing.B, ch *amqp091.Channel, queue string, body []byte, n int) {
	window := make(chan *amqp091.DeferredConfirmation, 100)
	var collecting sync.WaitGroup
	collecting.Go(func() {
		for c := range window {
			if !c.Wait() {
				b.Error("not confirmed")
			}
		}
	})
	for range n {
		c, err := ch.PublishWithDeferredConfirm("", queue, true, false, amqp091.Publishing{DeliveryMode: 2, MessageId: "1", Body: body})
		if err != nil {
			b.Error(err)
			break
		}
		window <- c
	}
	close(window)
	collecting.Wait()
}

func direct(b testing.TB) *amqp091.Channel {
	b.Helper()
	conn, err := amqp091.Dial(benchURL(b))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		b.Fatal(err)
	}
	return ch
}

// counter acks all and says when it had n.
type counter struct {
	c     atomic.Pointer[broker.Consumer]
	ready chan struct{}
	left  atomic.Int64
	end   chan struct{}
}

func (h *counter) Deliver(d broker.Delivery) {
	<-h.ready
	(*h.c.Load()).Ack(d.Ticket)
	if h.left.Add(-1) == 0 {
		close(h.end)
	}
}

func (h *counter) Lost(uint32, uint64) {}

func BenchmarkConsume(b *testing.B) {
	br := opened(b, amqp.Options{Publishers: 2})
	queue := benchQueue(b)
	fill(b, br, queue, b.N)
	h := &counter{ready: make(chan struct{}), end: make(chan struct{})}
	h.left.Store(int64(b.N))
	measured(b, func() {
		c, err := br.Consume(queue, 2, 1000, h)
		if err != nil {
			b.Fatal(err)
		}
		h.c.Store(&c)
		close(h.ready)
		<-h.end
		if err := c.Flush(context.Background()); err != nil {
			b.Error(err)
		}
	})
}

func BenchmarkConsumeDirect(b *testing.B) {
	br := opened(b, amqp.Options{Publishers: 2})
	queue := benchQueue(b)
	fill(b, br, queue, b.N)
	var left atomic.Int64
	left.Store(int64(b.N))
	end := make(chan struct{})
	measured(b, func() {
		for range 2 {
			ch := direct(b)
			if err := ch.Qos(1000, 0, false); err != nil {
				b.Fatal(err)
			}
			ds, err := ch.Consume(queue, "", false, false, false, false, nil)
			if err != nil {
				b.Fatal(err)
			}
			go func() {
				for d := range ds {
					if err := d.Ack(false); err != nil {
						return
					}
					if left.Add(-1) == 0 {
						close(end)
					}
				}
			}()
		}
		<-end
	})
}
