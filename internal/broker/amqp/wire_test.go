package amqp

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// pair is both ends of a TCP connection.
func pair(t *testing.T) (*wire, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = far.Close() })
	w := newWire(near)
	t.Cleanup(w.kill)
	return w, far
}

func TestWireDelivers(t *testing.T) {
	w, far := pair(t)
	want := randomBytes(3 << 20)
	go func() {
		for rest := want; len(rest) > 0; {
			n := min(len(rest), 1+rand.IntN(40_000))
			_, _ = w.Write(rest[:n])
			rest = rest[n:]
		}
		_ = w.Close()
	}()
	got, err := io.ReadAll(far)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d of %d bytes arrived: %v", len(got), len(want), err)
	}
	if _, err := w.Write([]byte{1}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write after close: %v", err)
	}
}

// A peer that reads nothing stops Write at some time; Close and kill release it.
func TestWireReleases(t *testing.T) {
	for name, end := range map[string]func(*wire){"kill": (*wire).kill, "close": func(w *wire) { _ = w.Close() }} {
		w, _ := pair(t)
		result := make(chan error, 1)
		var written sync.WaitGroup
		written.Add(1)
		go func() {
			once := sync.OnceFunc(written.Done)
			for total := 0; ; total += 64 << 10 {
				if total > 1<<20 {
					once()
				}
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					result <- err
					return
				}
			}
		}()
		written.Wait()
		end(w)
		select {
		case err := <-result:
			if err == nil {
				t.Errorf("%s: no error", name)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s: the write still waits", name)
		}
	}
}
