package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// steerable runs a control server with one long command.
func steerable(t *testing.T, h longHandler) (*Client, func()) {
	t.Helper()
	c, err := NewControl(ControlOptions{Path: filepath.Join(folder(t), "x.control"), UID: -1, GID: -1, Pace: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	c.handleLong("long", h)
	return NewClient(c.Path()), serve(t, c)
}

func TestProgressArrivesBeforeTheResult(t *testing.T) {
	seen := make(chan int)
	client, _ := steerable(t, func(ctx context.Context, _ json.RawMessage, progress func(int)) (any, error) {
		for n := range 3 {
			progress(1)
			progress(10 + n) // perhaps only the last is told
			for <-seen != 10+n {
			}
		}
		return "done", nil
	})
	var all []int
	var result string
	err := client.run(t.Context(), "long", nil, &result, func(n int) {
		all = append(all, n)
		seen <- n
	})
	all = slices.DeleteFunc(all, func(n int) bool { return n == 1 })
	if err != nil || result != "done" || !slices.Equal(all, []int{10, 11, 12}) {
		t.Error(err, result, all)
	}
}

// TestGivenUp: the daemon ends a command when its caller gives up, and still says how far it came.
func TestGivenUp(t *testing.T) {
	client, _ := steerable(t, func(ctx context.Context, _ json.RawMessage, progress func(int)) (any, error) {
		progress(7)
		<-ctx.Done()
		return fmt.Sprint("7 of them, ", context.Cause(ctx)), nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	var result string
	err := client.run(ctx, "long", nil, &result, func(n int) { cancel() })
	if err != nil || result != "7 of them, the caller hung up" {
		t.Error(err, result)
	}
}

// TestStopEndsLongCommands: a daemon that stops takes its callers with it, and they know.
func TestStopEndsLongCommands(t *testing.T) {
	var ended atomic.Bool
	client, stop := steerable(t, func(ctx context.Context, _ json.RawMessage, progress func(int)) (any, error) {
		defer ended.Store(true)
		progress(1)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	err := client.run(t.Context(), "long", nil, nil, func(int) { go stop() })
	if Code(err) != ExitTemporary {
		t.Error(err)
	}
	stop()
	if !ended.Load() {
		t.Error("the command goes on")
	}
}

// TestPanicOfALongCommand ends its reports too.
func TestPanicOfALongCommand(t *testing.T) {
	client, _ := steerable(t, func(_ context.Context, _ json.RawMessage, progress func(int)) (any, error) {
		progress(1)
		panic("no")
	})
	var e *Error
	if err := client.run(t.Context(), "long", nil, nil, nil); !errors.As(err, &e) || e.Text != "the daemon failed at this command" {
		t.Error(err)
	}
}

// TestReportsNeverWait: a caller who reads nothing holds up nobody who counts, and the end of the command for a while only.
func TestReportsNeverWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		w := newWire(near)
		defer w.close()
		began := time.Now()
		r := newReports(w, 0)
		r.count(1)
		time.Sleep(time.Second)
		synctest.Wait() // the report is stuck
		for n := range 1000 {
			r.count(n)
		}
		if took := time.Since(began); took != time.Second {
			t.Error("counting took", took)
		}
		r.end()
		if took := time.Since(began); took < 20*time.Second || took > 2*stall {
			t.Error("the end took", took)
		}
	})
}
