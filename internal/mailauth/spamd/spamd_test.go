package spamd

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// daemon is a spamd that answers every request in one way. It ends with the test.
func daemon(t *testing.T, serve func(conn net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var running atomic.Int64
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Add(1)
			go func() {
				defer running.Add(-1)
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
		for running.Load() > 0 {
			time.Sleep(time.Millisecond)
		}
	})
	return l.Addr().String()
}

// request reads a request to its end and gives its fields and its mail.
func request(conn net.Conn) (line string, mail string) {
	r := bufio.NewReader(conn)
	line, _ = r.ReadString('\n')
	size := 0
	for {
		field, err := r.ReadString('\n')
		if field = strings.TrimSpace(field); err != nil || field == "" {
			break
		}
		if value, ok := strings.CutPrefix(field, "Content-length: "); ok {
			size, _ = strconv.Atoi(value)
		}
	}
	body, _ := io.ReadAll(r) // to the end that the client tells by closing its half
	if len(body) != size {
		return line, "a wrong length"
	}
	return line, string(body)
}

func answering(reply string) func(net.Conn) {
	return func(conn net.Conn) {
		request(conn)
		_, _ = io.WriteString(conn, reply)
	}
}

func TestCheck(t *testing.T) {
	for reply, want := range map[string]any{
		"SPAMD/1.5 0 EX_OK\r\nContent-length: 0\r\nSpam: True ; 15.5 / 5.0\r\n\r\n": Score{true, 15.5, 5},
		"SPAMD/1.1 0 EX_OK\r\nSpam: False ; -0.8 / 5.0\r\n\r\nbody":                 Score{false, -0.8, 5},
		"SPAMD/1.1 0 EX_OK\nspam:Yes;7/6.5\n\n":                                     Score{true, 7, 6.5},
		"SPAMD/1.1 0 EX_OK\r\nSpam: No ; 0 / 0\r\n":                                 Score{},
		"SPAMD/1.5 74 EX_IOERR\r\n\r\n":                                             "EX_IOERR",
		"SPAMD/1.5 0 EX_OK\r\n\r\nSpam: True ; 15.5 / 5.0\r\n":                      "no score",
		"SPAMD/1.5 0 EX_OK\r\nSpam: True\r\n\r\n":                                   "no score",
		"SPAMD/1.5 0 EX_OK\r\nSpam: True ; NaN / 5\r\n\r\n":                         "no score",
		"SPAMD/1.5 0 EX_OK\r\nSpam: True ; 1 / +Inf\r\n\r\n":                        "no score",
		"SPAMD/1.5\r\n\r\n":        "not of the SPAMD protocol",
		"220 mx.test ESMTP\r\n":    "not of the SPAMD protocol",
		"":                         "EOF",
		strings.Repeat("x", 1<<20): "token too long|not of the SPAMD|reset by peer",
		"SPAMD/1.5 0 EX_OK\r\n" + endlessFields(): "no score|reset by peer",
	} {
		address := daemon(t, answering(reply))
		got, err := New(Options{Address: address}).Check(t.Context(), []byte("From: a@b.test\r\n\r\nHi\r\n"))
		if score, ok := want.(Score); ok {
			if err != nil || got != score {
				t.Errorf("%.60q: %v, %v", reply, got, err)
			}
			continue
		}
		if err == nil || !containsOne(err.Error(), want.(string)) {
			t.Errorf("%.60q: %v, %v, want %v", reply, got, err, want)
		}
	}
}

func endlessFields() string { return strings.Repeat("Field: value\r\n", 100_000) }

func containsOne(s, words string) bool {
	for word := range strings.SplitSeq(words, "|") {
		if strings.Contains(s, word) {
			return true
		}
	}
	return false
}

func TestRequest(t *testing.T) {
	const mail = "From: a@b.test\r\n\r\n.\r\nHi \x00 \xff\r\n"
	var line, got atomic.Value
	address := daemon(t, func(conn net.Conn) {
		l, m := request(conn)
		line.Store(l)
		got.Store(m)
		_, _ = io.WriteString(conn, "SPAMD/1.5 0 EX_OK\r\nSpam: False ; 1 / 5\r\n\r\n")
	})
	if _, err := New(Options{Address: address}).Check(t.Context(), []byte(mail)); err != nil {
		t.Fatal(err)
	}
	if line.Load() != "CHECK SPAMC/1.5\r\n" || got.Load() != mail {
		t.Errorf("%q, %q", line.Load(), got.Load())
	}
}

func TestSize(t *testing.T) {
	c := New(Options{Address: "127.0.0.1:1", MaxSize: 10})
	if _, err := c.Check(t.Context(), make([]byte, 11)); !errors.Is(err, ErrSize) {
		t.Error(err)
	}
	if _, err := c.Check(t.Context(), make([]byte, 10)); err == nil || errors.Is(err, ErrSize) {
		t.Error(err) // nobody listens there
	}
}

// A daemon that reads nothing, or says nothing, is not waited for; neither is one whose scans are all taken.
func TestTime(t *testing.T) {
	release := make(chan struct{})
	address := daemon(t, func(net.Conn) { <-release })
	defer close(release)
	c := New(Options{Address: address, Timeout: 100 * time.Millisecond, MaxSize: 64 << 20, MaxScans: 1})
	for _, size := range []int{10, 50 << 20} {
		if _, err := c.Check(t.Context(), make([]byte, size)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	c.slots <- struct{}{}
	if _, err := c.Check(t.Context(), nil); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "busy") {
		t.Error(err)
	}
	<-c.slots
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Check(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A daemon that answers before it has read everything is believed.
func TestEarlyAnswer(t *testing.T) {
	address := daemon(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "SPAMD/1.5 0 EX_OK\r\nSpam: True ; 9 / 5\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn)
	})
	if got, err := New(Options{Address: address}).Check(t.Context(), make([]byte, 100_000)); err != nil || !got.Spam {
		t.Errorf("%v, %v", got, err)
	}
}

// Any reply: no panic, and no number that JSON does not know.
func FuzzReply(f *testing.F) {
	f.Add("SPAMD/1.5 0 EX_OK\r\nSpam: True ; 15.5 / 5.0\r\n\r\n")
	f.Add("SPAMD/1.5 0\nSpam: x ; 1e999 / -0x1p-2")
	f.Fuzz(func(t *testing.T, reply string) {
		score, err := readReply(strings.NewReader(reply))
		if err == nil && (score.Score-score.Score != 0 || score.Threshold-score.Threshold != 0) {
			t.Errorf("%q: %v", reply, score)
		}
	})
}

// spamd writes a score of zero with either sign; ours has one.
func TestZeroHasNoSign(t *testing.T) {
	s, err := parseScore(" False ; -0.0 / 5.0")
	if err != nil || math.Signbit(s.Score) {
		t.Errorf("%v, %v", s, err)
	}
}
