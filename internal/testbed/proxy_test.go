package testbed_test

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"posthoorn/internal/testbed"
)

// echo is a server that sends back what it gets.
func echo(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func dial(t *testing.T, p *testbed.Proxy) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func says(t *testing.T, c net.Conn, word string) error {
	t.Helper()
	if _, err := io.WriteString(c, word); err != nil {
		return err
	}
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	got := make([]byte, len(word))
	n, err := io.ReadFull(c, got)
	if err == nil && string(got) != word {
		t.Errorf("got %q, want %q", got, word)
	}
	if err != nil && n > 0 {
		t.Logf("%d bytes came before %v", n, err)
	}
	return err
}

func TestProxy(t *testing.T) {
	p := testbed.StartProxy(t, echo(t))
	c := dial(t, p)
	if err := says(t, c, "hello"); err != nil {
		t.Fatal(err)
	}
	p.Cut()
	if err := says(t, c, "hello"); err == nil {
		t.Error("a cut connection still answers")
	}
	c = dial(t, p)
	if err := says(t, c, "again"); err != nil {
		t.Error(err)
	}
	p.Reset()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("reset connection says %v", err)
	}
	p.Refuse(true)
	if err := says(t, dial(t, p), "refused"); err == nil {
		t.Error("a refused connection answers")
	}
	p.Refuse(false)
	if p.Accepted() != 3 {
		t.Errorf("%d connections accepted, want 3", p.Accepted())
	}
}

func TestProxySilence(t *testing.T) {
	p := testbed.StartProxy(t, echo(t))
	c := dial(t, p)
	p.Blackhole(true)
	if _, err := io.WriteString(c, "held"); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("silent network says %v", err)
	}
	p.Blackhole(false)
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
		t.Error(err)
	}
	p.Delay(30 * time.Millisecond)
	begin := time.Now()
	if err := says(t, c, "slow"); err != nil || time.Since(begin) < 60*time.Millisecond {
		t.Errorf("delayed answer after %v: %v", time.Since(begin), err)
	}
}

func TestProxyCutAfter(t *testing.T) {
	p := testbed.StartProxy(t, echo(t))
	p.CutAfter(3)
	if err := says(t, dial(t, p), "hello"); err == nil {
		t.Error("connection lived on after 3 bytes")
	}
	p.CutAfter(0)
	if err := says(t, dial(t, p), "hello"); err != nil {
		t.Error(err)
	}
}
