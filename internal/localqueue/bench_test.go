package localqueue

import (
	"context"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func openBench(b *testing.B) *Store {
	b.Helper()
	s, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

// cpu is the processor time of this process so far.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// writers runs b.N batches from 256 goroutines that each wait for their commit.
func writers(b *testing.B, s *Store, fill func(b *Batch, i int)) {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	begin := cpu()
	b.ReportAllocs()
	b.ResetTimer()
	for range 256 {
		wg.Go(func() {
			batch := new(Batch)
			for {
				i := int(next.Add(1)) - 1
				if i >= b.N {
					return
				}
				batch.Reset()
				fill(batch, i)
				if err := s.Do(context.Background(), batch); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
	b.ReportMetric(float64((cpu()-begin).Microseconds())/float64(b.N), "µs-cpu/op")
}

// noise is a body that no compression makes smaller, like much mail.
func noise(n int) []byte {
	body := make([]byte, n)
	x := uint64(1)
	for i := range body {
		x = x*6364136223846793005 + 1442695040888963407
		body[i] = 'A' + byte(x>>33)%52
	}
	return body
}

func BenchmarkPublish10KB(b *testing.B) {
	s := openBench(b)
	body := noise(10 << 10)
	writers(b, s, func(b *Batch, _ int) { b.Publish("outbox", Message{Body: body, Published: noon}) })
}

func BenchmarkWait10KB(b *testing.B) {
	s := openBench(b)
	body := noise(10 << 10)
	places := make([]Place, 10_000)
	for i := range places {
		places[i] = Place{Destination: string(binary.BigEndian.AppendUint32(nil, uint32(i)))}
	}
	writers(b, s, func(b *Batch, i int) {
		b.Wait(Waiting{Place: places[i%len(places)], Due: after(time.Duration(i)), Deadline: after(time.Hour), Body: body})
	})
}

// BenchmarkTakeAck takes 256 at a time and acks them in one batch.
func BenchmarkTakeAck10KB(b *testing.B) {
	s := openBench(b)
	body := noise(10 << 10)
	for left := b.N; left > 0; left -= 500 {
		batch := new(Batch)
		for range min(left, 500) {
			batch.Publish("outbox", Message{Body: body})
		}
		if err := s.Do(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
	}
	begin := cpu()
	b.ReportAllocs()
	b.ResetTimer()
	var got []Taken
	for n := 0; n < b.N; n += len(got) {
		if got = s.Take("outbox", 256, got[:0]); len(got) == 0 {
			b.Fatalf("%d of %d", n, b.N)
		}
		batch := new(Batch)
		for _, m := range got {
			batch.Ack("outbox", m.Seq)
		}
		s.Commit(batch, nil)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
	b.ReportMetric(float64((cpu()-begin).Microseconds())/float64(b.N), "µs-cpu/op")
}

// BenchmarkThrough is the life of a message in the embedded queue: published, taken,
// acked, while the next ones come in.
func BenchmarkThrough10KB(b *testing.B) {
	s := openBench(b)
	body := noise(10 << 10)
	writers(b, s, func(b *Batch, _ int) {
		b.Publish("outbox", Message{Body: body})
		for _, m := range s.Take("outbox", 1, nil) {
			b.Ack("outbox", m.Seq)
		}
	})
}

func BenchmarkLedgerNote(b *testing.B) {
	s := openBench(b)
	outcome := noise(300)
	writers(b, s, func(b *Batch, i int) {
		var identity [16]byte
		binary.BigEndian.PutUint64(identity[:], uint64(i)*0x9e3779b97f4a7c15)
		b.Note(identity, outcome)
		b.Acked(identity)
	})
}
