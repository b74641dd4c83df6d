package smtpd

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"

	"posthoorn/internal/broker"
	"posthoorn/internal/inject"
)

type nullBroker struct{}

func (nullBroker) Send(_ context.Context, _ []broker.Publishing, done broker.Done) { done(nil) }

// BenchmarkMessages is one message of 10 KB per operation, over 20 kept connections. The clients share the processor.
func BenchmarkMessages(b *testing.B) {
	ts := start(b, func(o *Options, io *inject.Options) { io.Sender = nullBroker{} })
	line := strings.Repeat("All work and no play makes Jack a dull boy. ", 2)[:76] + "\r\n"
	message := "From: a@b.test\r\nTo: c@d.test\r\nSubject: hello\r\n\r\n" + strings.Repeat(line, 130) + ".\r\n"
	const clients = 20
	conns := make([]net.Conn, clients)
	for i := range conns {
		conns[i] = dial(b, ts.plain)
		newClient(b, conns[i]).want("220")
		_, _ = io.WriteString(conns[i], "EHLO client.test\r\n")
		newClient(b, conns[i]).want("250")
	}
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for i, c := range conns {
		n := b.N / clients
		if i < b.N%clients {
			n++
		}
		wg.Go(func() {
			r := bufio.NewReader(c)
			for range n {
				_, _ = io.WriteString(c, "MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n")
				for range 3 {
					_, _ = r.ReadSlice('\n')
				}
				_, _ = io.WriteString(c, message)
				for range 2 {
					if line, err := r.ReadSlice('\n'); err != nil || line[0] != '2' {
						b.Errorf("%s %v", line, err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkIdleSessions tells the memory of the process per session that waits for a command after EHLO. Both ends are here.
func BenchmarkIdleSessions(b *testing.B) {
	const sessions = 4000
	s, _ := pipeServer(b, func(o *Options, _ *inject.Options) { o.MaxSessions = sessions })
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		clients := make([]*client, sessions)
		for i := range clients {
			clients[i] = s.pipeFrom(b, net.ParseIP(fmt.Sprintf("203.0.%d.%d", i/250, i%250)))
			clients[i].want("220")
			clients[i].send("EHLO client.test\r\n")
			clients[i].want("250")
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse)/sessions, "B/session")
		for _, c := range clients {
			_ = c.Close()
		}
		until(b, func() bool { return s.limits.count() == 0 })
	}
	s.stopNow()
}
