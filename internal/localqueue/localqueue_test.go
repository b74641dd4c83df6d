package localqueue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("LOCALQUEUE_CHILD"); dir != "" {
		child(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// noon is where the passed-in time of these tests begins.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func after(d time.Duration) time.Time { return noon.Add(d) }

func openIn(t testing.TB, fs vfs.FS) *Store {
	t.Helper()
	s, err := Open("state/queue", Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func openMem(t testing.TB) (*Store, *vfs.MemFS) {
	t.Helper()
	fs := vfs.NewCrashableMem()
	return openIn(t, fs), fs
}

// reopen closes the store and opens it again.
func reopen(t testing.TB, s *Store, fs vfs.FS) *Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return openIn(t, fs)
}

// powerCut opens what a cut would leave: everything synced, nothing else.
func powerCut(t testing.TB, fs *vfs.MemFS) (*Store, *vfs.MemFS) {
	t.Helper()
	left := fs.CrashClone(vfs.CrashCloneCfg{})
	return openIn(t, left), left
}

func commit(t testing.TB, s *Store, fill func(b *Batch)) {
	t.Helper()
	var b Batch
	fill(&b)
	if err := s.Do(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
}

func publish(t testing.TB, s *Store, queue string, bodies ...string) {
	t.Helper()
	commit(t, s, func(b *Batch) {
		for _, body := range bodies {
			b.Publish(queue, Message{Body: []byte(body), Published: noon})
		}
	})
}

func wait(t testing.TB, s *Store, p Place, due time.Time, bodies ...string) {
	t.Helper()
	commit(t, s, func(b *Batch) {
		for _, body := range bodies {
			b.Wait(Waiting{Place: p, Due: due, Body: []byte(body)})
		}
	})
}

// bodies takes from a queue and says what came.
func bodies(s *Store, queue string, n int) (list []string) {
	for _, m := range s.Take(queue, n, nil) {
		list = append(list, string(m.Body))
	}
	return list
}

func due(s *Store, p Place, now time.Time, n int) (list []string) {
	for _, w := range s.TakeDue(p, now, n, 1<<40, nil) {
		list = append(list, string(w.Body))
	}
	return list
}

func expect[E comparable](t testing.TB, what string, got []E, want ...E) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func TestOpenMakesPrivateFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "queue")
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	publish(t, s, "outbox", "hello")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("directory: %v, %v", info.Mode(), err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 4 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f.Name(), info.Mode(), err)
		}
	}
}

func TestSecondOpenerIsRefused(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrLocked) {
		t.Fatalf("same process: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err = Open(dir, Options{})
	if err != nil {
		t.Fatalf("after close: %v", err)
	}
	s.Close()

	fs := vfs.NewMem()
	openIn(t, fs)
	if _, err := Open("state/queue", Options{FS: fs}); !errors.Is(err, ErrLocked) {
		t.Fatalf("as another process would see it: %v", err)
	}
}

func TestNewerFormatIsRefused(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, formatName)
	if err := os.WriteFile(name, []byte("3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(dir, Options{})
	var format *FormatError
	if !errors.Is(err, ErrNewerFormat) || !errors.As(err, &format) || format.Have != 3 {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("not a clear text: %v", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 { // the format and the lock
		t.Errorf("something was written: %v, %v", left, err)
	}
	for _, text := range []string{"", "x", "0", "-1"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := Open(dir, Options{}); err == nil || errors.Is(err, ErrNewerFormat) {
			t.Errorf("%q: %v, %v", text, s, err)
		}
	}
}

func TestMetaSurvives(t *testing.T) {
	s, fs := openMem(t)
	commit(t, s, func(b *Batch) {
		b.SetMeta("a", []byte("1"))
		b.SetMeta("b", []byte{})
		b.SetMeta("c", []byte("3"))
	})
	commit(t, s, func(b *Batch) { b.SetMeta("c", nil) })
	s = reopen(t, s, fs)
	if v, ok := s.Meta("a"); !ok || string(v) != "1" {
		t.Errorf("a: %q %v", v, ok)
	}
	if v, ok := s.Meta("b"); !ok || len(v) != 0 {
		t.Errorf("b: %q %v", v, ok)
	}
	if v, ok := s.Meta("c"); ok {
		t.Errorf("c: %q", v)
	}
}

func TestClosedStoreAnswers(t *testing.T) {
	s, _ := openMem(t)
	publish(t, s, "q", "x")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	var b Batch
	b.Publish("q", Message{})
	if err := s.Do(context.Background(), &b); !errors.Is(err, ErrClosed) {
		t.Errorf("commit: %v", err)
	}
	expect(t, "take", bodies(s, "q", 1))
	expect(t, "take due", due(s, Place{}, noon, 1))
	if len(s.Expired(noon, 1, 1<<40, nil)) != 0 || s.Queues() != nil {
		t.Error("a closed store shows something")
	}
	if _, ok := s.Lookup([16]byte{}); ok {
		t.Error("a closed store knows an outcome")
	}
	if err := s.Walk("q", nil); !errors.Is(err, ErrClosed) {
		t.Errorf("walk: %v", err)
	}
}

func TestCloseWaitsForCommitsInHand(t *testing.T) {
	s, fs := openMem(t)
	answers := make(chan error, 100)
	for i := range 100 {
		b := new(Batch)
		b.Publish("q", Message{Body: fmt.Append(nil, i)})
		s.Commit(b, func(err error) { answers <- err })
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if len(answers) != 100 {
		t.Fatalf("%d answers", len(answers))
	}
	for range 100 {
		if err := <-answers; err != nil {
			t.Fatal(err)
		}
	}
	s = openIn(t, fs)
	if ready, _ := s.Len("q"); ready != 100 {
		t.Fatalf("%d there", ready)
	}
}

func TestTooLargeIsRefusedAlone(t *testing.T) {
	s, _ := openMem(t)
	long := strings.Repeat("x", maxPlace+1)
	for _, fill := range []func(b *Batch){
		func(b *Batch) { b.Publish(long, Message{}) },
		func(b *Batch) { b.Publish("q", Message{ID: long}) },
		func(b *Batch) { b.Wait(Waiting{Place: Place{Sources: long}}) },
		func(b *Batch) { b.SetMeta(long, nil) },
	} {
		var b Batch
		b.Publish("q", Message{})
		fill(&b)
		if err := s.Do(context.Background(), &b); !errors.Is(err, ErrTooLarge) {
			t.Errorf("got %v", err)
		}
		b.Reset()
		if err := s.Do(context.Background(), &b); err != nil {
			t.Errorf("after reset: %v", err)
		}
	}
	if ready, _ := s.Len("q"); ready != 0 {
		t.Errorf("%d published", ready)
	}
}

func TestMetricsAreRegisteredAndLeave(t *testing.T) {
	r := prometheus.NewRegistry()
	s, err := Open("d", Options{FS: vfs.NewMem(), Registerer: r})
	if err != nil {
		t.Fatal(err)
	}
	publish(t, s, "q", "a", "b")
	wait(t, s, Place{Destination: "x"}, noon, "c")
	bodies(s, "q", 1)
	got := map[string]float64{}
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		m := f.Metric[0]
		got[f.GetName()] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
	}
	for name, want := range map[string]float64{
		"posthoorn_localqueue_puts_total": 3, "posthoorn_localqueue_takes_total": 1, "posthoorn_localqueue_syncs_total": 2,
		"posthoorn_localqueue_commit_batches": 2, "posthoorn_localqueue_waiting_messages": 1, "posthoorn_localqueue_ready_messages": 2,
		"posthoorn_localqueue_commit_seconds": 2, "posthoorn_localqueue_places": 1, "posthoorn_localqueue_redelivered_total": 0,
		"posthoorn_localqueue_commits_waiting": 0, "posthoorn_localqueue_failed": 0,
	} {
		if got[name] != want {
			t.Errorf("%s: %v, want %v", name, got[name], want)
		}
	}
	if got["posthoorn_localqueue_disk_bytes"] <= 0 {
		t.Error("it takes nothing on the disk")
	}
	if _, err := Open("e", Options{FS: vfs.NewMem(), Registerer: r}); err == nil {
		t.Error("two stores in one registry")
	}
	s.Close()
	if left, err := r.Gather(); err != nil || len(left) != 0 {
		t.Errorf("%d metrics left, %v", len(left), err)
	}
}

// TestOverdue: what is in hand or not due yet is not late.
func TestOverdue(t *testing.T) {
	s, err := Open("d", Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	late := func() time.Duration { return s.overdue(noon.Add(time.Hour)) }
	x, y := Place{Destination: "x"}, Place{Destination: "y"}
	wait(t, s, x, noon.Add(2*time.Hour), "later")
	if got := late(); got != 0 {
		t.Errorf("nothing is due: %v", got)
	}
	wait(t, s, x, noon.Add(20*time.Minute), "first")
	wait(t, s, y, noon.Add(50*time.Minute), "second")
	if got := late(); got != 40*time.Minute {
		t.Errorf("%v, want 40 minutes", got)
	}
	due(s, x, noon.Add(time.Hour), 10)
	if got := late(); got != 10*time.Minute {
		t.Errorf("%v, want 10 minutes", got)
	}
}
