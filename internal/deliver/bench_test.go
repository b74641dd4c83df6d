package deliver

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"posthoorn/internal/mail"
)

// sink answers as fast as it can and allocates nothing: it looks for the ends of commands and of content only.
func sink(pipelining bool) func(net.Conn) {
	ehlo := "250-sink\r\n250 8BITMIME\r\n"
	if pipelining {
		ehlo = "250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
	}
	end, nl := []byte("\r\n.\r\n"), []byte("\r\n")
	return func(nc net.Conn) {
		defer nc.Close()
		buf, out := make([]byte, 64<<10), make([]byte, 0, 4096)
		have, content := 0, false
		out = append(out, "220 sink\r\n"...)
		for {
			if _, err := nc.Write(out); err != nil {
				return
			}
			out = out[:0]
			for len(out) == 0 {
				n, err := nc.Read(buf[have:])
				if err != nil {
					return
				}
				have += n
				rest := buf[:have]
				for {
					mark := nl
					if content {
						mark = end
					}
					i := bytes.Index(rest, mark)
					if i < 0 {
						break
					}
					switch {
					case content:
						out, content = append(out, "250 2.0.0 queued as 4D1cZx2Gz9\r\n"...), false
					case rest[0] == 'E':
						out = append(out, ehlo...)
					case rest[0] == 'D':
						out, content = append(out, "354 go\r\n"...), true
					default:
						out = append(out, "250 2.1.0 ok\r\n"...)
					}
					rest = rest[i+len(mark):]
				}
				have = copy(buf, rest)
			}
		}
	}
}

// feeder gives jobs as fast as they are asked for.
type feeder struct {
	job   Job
	left  atomic.Int64
	ahead bool
	bad   atomic.Int64
	ended chan struct{}
}

func (f *feeder) Opened(*Conn)                   {}
func (f *feeder) Failed(*Conn, []mail.Result)    { f.bad.Add(1); close(f.ended) }
func (f *feeder) Back(_ *Conn, _ *Job, _ Reason) { f.left.Add(1) }
func (f *feeder) Closed(*Conn)                   { close(f.ended) }

func (f *feeder) Done(_ *Conn, _ *Job, r *mail.Result) bool {
	if !r.OK() {
		f.bad.Add(1)
	}
	return true
}

func (f *feeder) Want(c *Conn, ahead bool) {
	if ahead && !f.ahead {
		return
	}
	if f.left.Add(-1) < 0 {
		c.Close()
		return
	}
	j := f.job
	c.Give(&j)
}

func BenchmarkDeliver(b *testing.B) {
	body := Body{Data: []byte("Subject: x\r\n\r\n" + strings.Repeat(strings.Repeat("x", 74)+"\r\n", 135))}
	for _, way := range []string{"stepwise", "grouped", "short"} {
		b.Run(fmt.Sprintf("%s/10KB", way), func(b *testing.B) {
			client := New(Options{Connect: sockets(b, sink(way != "stepwise"))})
			f := &feeder{ahead: way == "short", ended: make(chan struct{})}
			f.job = Job{Envelope: mail.Envelope{From: address("from@a.test"), To: address("to@b.test")}, Body: func(context.Context) (Body, error) { return body, nil }}
			f.left.Store(int64(b.N))
			b.ReportAllocs()
			b.ResetTimer()
			client.Open(b.Context(), Dial{Name: "me.test", Targets: someTargets(1)}, f)
			<-f.ended
			b.ReportMetric(count(client.metrics.writes)/float64(b.N), "writes/op")
			if f.bad.Load() > 0 {
				b.Fatal("not all went well")
			}
		})
	}
}

// count is the value of a counter.
func count(c prometheus.Counter) float64 {
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		panic(err)
	}
	return m.GetCounter().GetValue()
}
