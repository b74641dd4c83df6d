package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// fake is an output that fails or stands still when it is told to.
type fake struct {
	mu      sync.Mutex
	err     error
	partly  int  // bytes of the next write that go out although it fails
	heals   bool // it works again once it is reopened
	hold    chan struct{}
	out     bytes.Buffer
	writes  int
	reopens int
}

func (f *fake) write(lines []byte) (int, error) {
	if f.hold != nil {
		<-f.hold
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writes++
	if f.err != nil {
		n := min(f.partly, len(lines))
		f.partly = 0
		f.out.Write(lines[:n])
		return n, f.err
	}
	return f.out.Write(lines)
}

func (f *fake) tick() error { return nil }
func (f *fake) close()      {}

func (f *fake) reopen() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reopens++
	if f.heals {
		f.err = nil
	}
	return nil
}

func (f *fake) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *fake) text() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.out.String()
}

func faked(f *fake) (*writer, *bytes.Buffer, *prometheus.Registry) {
	registry, report := prometheus.NewRegistry(), &bytes.Buffer{}
	w := newWriter("x", File{}, f, atOnce, newMeters(registry).of("x"), slog.New(slog.NewTextHandler(report, nil)))
	return w, report, registry
}

// Lines wait for others, but not for long, and not when there is enough to write.
func TestLinesGather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		w := newWriter("x", File{}, f, 20, newMeters(nil).of("x"), slog.New(slog.DiscardHandler))
		for _, step := range []struct {
			line   string
			wait   time.Duration
			writes int
			text   string
		}{
			{"a", 0, 0, ""},
			{"b", gather - 1, 0, ""},
			{"c", 1, 1, "a\nb\nc\n"},
			{"d", 2 * gather, 2, "a\nb\nc\nd\n"},
			{"e", gather / 2, 2, "a\nb\nc\nd\n"},
			{"this one is enough", 0, 3, "a\nb\nc\nd\ne\nthis one is enough\n"},
			{"f", gather - 1, 3, "a\nb\nc\nd\ne\nthis one is enough\n"}, // the time is its own
			{"g", 1, 4, "a\nb\nc\nd\ne\nthis one is enough\nf\ng\n"},
		} {
			w.put([]byte(step.line), true)
			time.Sleep(step.wait)
			synctest.Wait()
			if f.writes != step.writes || f.text() != step.text {
				t.Fatalf("after %q: %d writes of %q", step.line, f.writes, f.text())
			}
		}
		w.put([]byte("last"), true)
		w.stop()
		<-w.done
		if !strings.HasSuffix(f.text(), "\ng\nlast\n") {
			t.Errorf("at the end: %q", f.text())
		}
	})
}

func TestFullBufferWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{hold: make(chan struct{})}
		w, _, registry := faked(f)
		line := bytes.Repeat([]byte("x"), maxPending/4-1)
		w.put(line, true)
		synctest.Wait() // it is being written
		for range 4 {
			w.put(line, true) // fits
		}
		through := 0
		var wg sync.WaitGroup
		var mu sync.Mutex
		for range 3 {
			wg.Go(func() {
				w.put(line, true)
				mu.Lock()
				through++
				mu.Unlock()
			})
		}
		synctest.Wait()
		if through != 0 {
			t.Errorf("%d calls did not wait", through)
		}
		w.put([]byte("nobody may wait for this one"), false)
		if n := counted(t, registry, "posthoorn_journal_lines_dropped_total", "x"); n != 1 {
			t.Errorf("%v lines are dropped", n)
		}
		close(f.hold)
		wg.Wait()
		w.stop()
		<-w.done
		if n := strings.Count(f.text(), "\n"); n != 8 {
			t.Errorf("%d lines are written", n)
		}
	})
}

// F12: mail goes on while the disk is full, what is lost is counted, and it is said once.
func TestFailingDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{err: errors.New("disk full")}
		w, report, registry := faked(f)
		long := bytes.Repeat([]byte("x"), 1000)
		const lost = 5000 // several buffers full
		for range lost {
			w.put(long, true)
		}
		synctest.Wait()
		for range 3 {
			w.put(long, true)
			synctest.Wait()
		}
		f.fail(nil)
		w.put([]byte("again"), true)
		synctest.Wait()
		w.stop()
		<-w.done
		if got := f.text(); got != "again\n" {
			t.Errorf("written is %.100q", got)
		}
		if n := counted(t, registry, "posthoorn_journal_lines_dropped_total", "x"); n != lost+3 {
			t.Errorf("%v lines are counted, want %d", n, lost+3)
		}
		if got := report.String(); strings.Count(got, "cannot write log") != 1 || strings.Count(got, "written again") != 1 || strings.Count(got, "\n") != 2 {
			t.Errorf("report is %q", got)
		}
	})
}

// A writer that waits for room must go on when writing begins to fail.
func TestFailureFreesWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{hold: make(chan struct{}), err: errors.New("gone")}
		w, _, _ := faked(f)
		line := bytes.Repeat([]byte("x"), maxPending)
		w.put(line, true)
		synctest.Wait()
		w.put(line, true)
		done := make(chan struct{})
		go func() { w.put(line, true); close(done) }()
		synctest.Wait()
		close(f.hold)
		<-done
		w.stop()
		<-w.done
	})
}

func TestOneFaultIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{err: errors.New("odd"), partly: 2, heals: true}
		w, report, registry := faked(f)
		w.put([]byte("a"), true)
		synctest.Wait()
		w.stop()
		<-w.done
		if f.text() != "a\n" || f.reopens != 1 || report.Len() > 0 {
			t.Errorf("written is %q after %d times reopened, report %q", f.text(), f.reopens, report)
		}
		if n := counted(t, registry, "posthoorn_journal_lines_total", "x"); n != 1 {
			t.Errorf("%v lines are counted", n)
		}
	})
}

func TestFullDevice(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Log("no device that is always full")
		return
	}
	dir := t.TempDir()
	registry := prometheus.NewRegistry()
	j := open(t, Options{WWW: Kind{Text: File{Path: "/dev/full"}}, ErrorLog: filepath.Join(dir, "error"), Registerer: registry})
	for i := range 100 {
		request(j, i)
	}
	shut(t, j)
	if n := counted(t, registry, "posthoorn_journal_lines_dropped_total", "www"); n != 100 {
		t.Errorf("%v lines are counted", n)
	}
	got := read(t, filepath.Join(dir, "error"))
	if strings.Count(got, "\n") != 1 || !strings.Contains(got, "[Critical]") || !strings.Contains(got, "[journal] cannot write log") || !strings.Contains(got, "file=/dev/full") {
		t.Errorf("error log is %q", got)
	}
}

func TestBrokenOffLineIsTakenBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	f, err := openFile(File{Path: path}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	if _, err := f.write([]byte("whole\nhal")); err != nil {
		t.Fatal(err)
	}
	if err := takeBack(f.f, 3); err != nil {
		t.Fatal(err)
	}
	if _, err := f.write([]byte("next\n")); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path); got != "whole\nnext\n" {
		t.Errorf("file is %q", got)
	}
}

// What a power failure left of a line must not become the beginning of another one.
func TestBrokenOffLineOfAnEarlierRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, []byte("whole\nhal"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		f, err := openFile(File{Path: path}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.write([]byte("next\n")); err != nil {
			t.Fatal(err)
		}
		f.close()
	}
	if got := read(t, path); got != "whole\nhal\nnext\nnext\n" {
		t.Errorf("file is %q", got)
	}
}

func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{hold: make(chan struct{})}
		w, _, registry := faked(f)
		j := &Journal{writers: writers{all: []*writer{w}}}
		for i := range 100 {
			w.put(fmt.Appendf(nil, "%d", i), true)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := j.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a disk that hangs: %v", err)
		}
		if err := j.Reopen(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a disk that hangs: %v", err)
		}
		w.put([]byte("late"), true)
		close(f.hold)
		<-w.done
		if n := strings.Count(f.text(), "\n"); n != 100 {
			t.Errorf("%d lines are written", n)
		}
		if n := counted(t, registry, "posthoorn_journal_lines_dropped_total", "x"); n != 1 {
			t.Errorf("%v lines are dropped", n)
		}
		if err := j.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func TestManyWriters(t *testing.T) {
	dir := t.TempDir()
	o := rotated(dir, File{MaxSize: 1 << 10, History: 1000})
	j := open(t, o)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 500 {
				request(j, 1000*i+n)
			}
		})
	}
	wg.Wait()
	shut(t, j)
	seen := map[string]bool{}
	for _, name := range names(t, dir) {
		for line := range strings.Lines(read(t, filepath.Join(dir, name))) {
			seen[line] = true
		}
	}
	if len(seen) != 4000 {
		t.Errorf("%d lines are in the files", len(seen))
	}
}
