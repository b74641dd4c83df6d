package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// engine is one that does as it is told.
type engine struct {
	get    func(ctx context.Context) ([]byte, error)
	sweep  func(ctx context.Context, now time.Time) (int, error)
	every  time.Duration
	closed atomic.Int32
}

func (e *engine) Get(ctx context.Context, _ string, _ int) ([]byte, error) { return e.get(ctx) }
func (e *engine) Put(ctx context.Context, _ string, _ []byte, _ time.Time) error {
	_, err := e.get(ctx)
	return err
}
func (e *engine) Delete(ctx context.Context, _ string) error            { _, err := e.get(ctx); return err }
func (e *engine) Sweep(ctx context.Context, now time.Time) (int, error) { return e.sweep(ctx, now) }
func (e *engine) Every() time.Duration                                  { return e.every }
func (e *engine) Close() error                                          { e.closed.Add(1); return nil }

// inTime runs a test in virtual time, with a store that is closed at its end.
func inTime(t *testing.T, e *engine, o Options, test func(t *testing.T, s *Store)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := New("test://place", e, o)
		test(t, s)
		for range 2 {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		if e.closed.Load() != 1 {
			t.Errorf("the engine was closed %d times", e.closed.Load())
		}
	})
}

func TestTimeout(t *testing.T) {
	e := &engine{get: func(ctx context.Context) ([]byte, error) {
		<-ctx.Done()
		return nil, errors.New("the driver's own words")
	}}
	inTime(t, e, Options{}, func(t *testing.T, s *Store) {
		begin := time.Now()
		_, err := s.Get(t.Context(), "key")
		if took := time.Since(begin); took != time.Minute || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "too slow") {
			t.Errorf("%v after %v", err, took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin = time.Now()
		err = s.Put(ctx, "key", nil, begin.Add(time.Hour))
		if took := time.Since(begin); took != time.Second || !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "own words") {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// An engine that heeds no context keeps its slot, and nobody but those who want it.
func TestStuckEngine(t *testing.T) {
	var stuck chan struct{}
	var running atomic.Int32
	e := &engine{get: func(context.Context) ([]byte, error) {
		running.Add(1)
		defer running.Add(-1)
		<-stuck
		return []byte("late"), nil
	}}
	inTime(t, e, Options{Threads: 2, Timeout: time.Second}, func(t *testing.T, s *Store) {
		stuck = make(chan struct{})
		for range 5 {
			begin := time.Now()
			if data, err := s.Get(t.Context(), "key"); !errors.Is(err, context.DeadlineExceeded) || data != nil || time.Since(begin) != time.Second {
				t.Errorf("have %q, %v after %v", data, err, time.Since(begin))
			}
		}
		if n := running.Load(); n != 2 {
			t.Errorf("%d calls run", n)
		}
		close(stuck)
		synctest.Wait()
		if data, err := s.Get(t.Context(), "key"); string(data) != "late" || err != nil {
			t.Errorf("have %q, %v", data, err)
		}
	})
}

func TestThreads(t *testing.T) {
	var running, most atomic.Int32
	e := &engine{get: func(context.Context) ([]byte, error) {
		most.Store(max(most.Load(), running.Add(1)))
		time.Sleep(time.Second)
		running.Add(-1)
		return nil, nil
	}}
	inTime(t, e, Options{Threads: 3}, func(t *testing.T, s *Store) {
		begin, failures := time.Now(), make(chan error)
		for range 12 {
			go func() { failures <- s.Delete(t.Context(), "key") }()
		}
		for range 12 {
			if err := <-failures; err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(begin); most.Load() != 3 || took != 4*time.Second {
			t.Errorf("%d at once, in %v", most.Load(), took)
		}
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New("test://place", &engine{get: func(ctx context.Context) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() }}, Options{})
		failed := make(chan error)
		for range 2 { // one runs, one waits
			go func() {
				_, err := s.Get(context.Background(), "key")
				failed <- err
			}()
		}
		synctest.Wait()
		begin := time.Now()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		for range 2 {
			if err := <-failed; !errors.Is(err, errClosed) {
				t.Error(err)
			}
		}
		if _, err := s.Get(t.Context(), "key"); !errors.Is(err, errClosed) {
			t.Error(err)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}

// A call that is stuck holds a Close up for seconds alone.
func TestCloseWhileStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		e := &engine{get: func(context.Context) ([]byte, error) { <-stuck; return nil, nil }}
		s := New("test://place", e, Options{Timeout: time.Second})
		begin := time.Now()
		if _, err := s.Get(t.Context(), "key"); err == nil {
			t.Error("no error")
		}
		if err := s.Close(); err != nil || e.closed.Load() != 1 || time.Since(begin) != 6*time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		close(stuck)
	})
}

func TestErrorsAreOneLine(t *testing.T) {
	for _, fail := range []func(context.Context) ([]byte, error){
		func(context.Context) ([]byte, error) { return nil, errors.New("one\r\ntwo\tthree") },
		func(context.Context) ([]byte, error) { panic("one\ntwo three") },
	} {
		inTime(t, &engine{get: fail}, Options{}, func(t *testing.T, s *Store) {
			_, err := s.Get(t.Context(), "key")
			if err == nil || !strings.HasPrefix(err.Error(), "message store test://place: get: ") || !strings.HasSuffix(err.Error(), "one two three") {
				t.Errorf("have %v", err)
			}
		})
	}
}

func TestSweeps(t *testing.T) {
	var at []time.Duration
	var log bytes.Buffer
	registry := prometheus.NewPedanticRegistry()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		e := &engine{every: time.Hour, sweep: func(ctx context.Context, now time.Time) (int, error) {
			at = append(at, now.Sub(begin))
			if len(at) == 2 {
				<-ctx.Done() // it hangs
				return 3, ctx.Err()
			}
			return 5, nil
		}}
		s := New("test://place", e, Options{Registerer: registry, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		time.Sleep(4 * time.Hour)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if len(at) != 3 || at[0] != time.Minute || at[1] != time.Hour+time.Minute || at[2] != 3*time.Hour+time.Minute {
		t.Errorf("sweeps at %v", at)
	}
	if strings.Count(log.String(), "expired messages stay in the store") != 1 {
		t.Errorf("log: %s", log.String())
	}
	if have := counted(t, registry); !strings.Contains(have, "posthoorn_store_expired_total 13\n") {
		t.Error(have)
	}
}

func TestCallsAreCounted(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	answers := []error{nil, ErrNotFound, errors.New("broken")}
	e := &engine{get: func(context.Context) (_ []byte, err error) { err, answers = answers[0], answers[1:]; return nil, err }}
	inTime(t, e, Options{Registerer: registry}, func(t *testing.T, s *Store) {
		for range 3 {
			_, _ = s.Get(t.Context(), "key")
		}
	})
	for _, want := range []string{"done 1", "failed 1", "not_found 1"} {
		if have := counted(t, registry); !strings.Contains(have, "posthoorn_store_calls_total get "+want+"\n") {
			t.Error(have)
		}
	}
}

// counted are all counters, one a line: name, values of labels, value.
func counted(t *testing.T, r prometheus.Gatherer) string {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, f := range families {
		for _, m := range f.GetMetric() {
			text.WriteString(f.GetName())
			for _, label := range m.GetLabel() {
				text.WriteString(" " + label.GetValue())
			}
			fmt.Fprintln(&text, "", m.GetCounter().GetValue())
		}
	}
	return text.String()
}
