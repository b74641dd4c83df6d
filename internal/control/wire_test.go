package control

import (
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Deadlines move with progress, and only with enough of it (T15).
func TestSlowClients(t *testing.T) {
	const size = 20 << 20
	for name, c := range map[string]struct {
		piece int
		every time.Duration
		ends  time.Duration // 0: it is taken as a whole
	}{
		"fast":            {piece: size, every: 0},
		"slow but honest": {piece: 50_000, every: time.Second},
		"a byte a second": {piece: 1, every: time.Second, ends: 2 * stall},
		"stalls":          {piece: 1000, every: time.Hour, ends: stall},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				var client sync.WaitGroup
				defer client.Wait()
				defer ours.Close()
				client.Go(func() {
					defer theirs.Close()
					piece := make([]byte, c.piece)
					for sent := 0; sent < size; sent += c.piece {
						if _, err := theirs.Write(piece[:min(c.piece, size-sent)]); err != nil {
							return
						}
						time.Sleep(c.every)
					}
				})
				began := time.Now()
				b, err := newWire(ours).body(size, size)
				took := time.Since(began)
				if c.ends == 0 && (err != nil || len(b) != size) {
					t.Errorf("%d bytes, %v after %s", len(b), err, took)
				}
				if c.ends > 0 && (!errors.Is(err, os.ErrDeadlineExceeded) || took < c.ends || took > c.ends+time.Second) {
					t.Errorf("%v after %s", err, took)
				}
			})
		})
	}
}

func TestWaitingForALine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		var client sync.WaitGroup
		defer client.Wait()
		defer ours.Close()
		client.Go(func() {
			defer theirs.Close()
			time.Sleep(24 * time.Hour)
			_, _ = theirs.Write([]byte(`{"written":7}` + "\n" + `{"wri`))
			time.Sleep(time.Hour)
		})
		w := newWire(ours)
		var a ack
		if err := w.awaitJSON(&a, 100); err != nil || a.Written != 7 {
			t.Error("a line may take its time to begin:", err)
		}
		began := time.Now()
		if err := w.readJSON(&a, 100); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) > 2*stall {
			t.Error("it may not take its time to end:", err)
		}
	})
}

// Somebody who does not read what was asked for is not waited for.
func TestAReaderThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		defer theirs.Close()
		began := time.Now()
		err := newWire(ours).send(ack{1}, []byte(strings.Repeat("x", 1<<20)))
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != stall {
			t.Error(err, time.Since(began))
		}
	})
}
