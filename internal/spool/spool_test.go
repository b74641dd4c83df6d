package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"golang.org/x/sys/unix"

	"posthoorn/internal/broker"
	"posthoorn/internal/inject"
	"posthoorn/internal/mail"
)

// door keeps what comes in. What refuse returns for a source is the answer.
type door struct {
	mu     sync.Mutex
	got    []inject.Submission
	refuse func(s *inject.Submission) error
	came   chan struct{} // a signal for every call
}

func newDoor() *door { return &door{came: make(chan struct{}, 10_000)} }

func (d *door) Accept(ctx context.Context, s inject.Submission) ([]string, error) {
	d.mu.Lock()
	refuse := d.refuse
	d.mu.Unlock()
	var err error
	if refuse != nil {
		err = refuse(&s)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		s.Source = bytes.Clone(s.Source)
		d.got = append(d.got, s)
	}
	d.came <- struct{}{}
	return nil, err
}

func (d *door) set(refuse func(s *inject.Submission) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refuse = refuse
}

// files are the names that came through, in alphabetical order.
func (d *door) files() (names []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.got {
		names = append(names, s.Origin.(*inject.Spool).File)
	}
	slices.Sort(names)
	return names
}

// source is what came through under a name, the last time.
func (d *door) source(name string) (text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.got {
		if s.Origin.(*inject.Spool).File == name {
			text = string(s.Source)
		}
	}
	return text
}

const letter = "From: ann@customer.test\r\nTo: desk@shop.test\r\nSubject: x\r\n\r\nhello\r\n"

// logs keeps the log, so that a test can wait for a line and see the reason.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.buf.String(), text)
}

// until waits for a condition that another goroutine brings about.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	limit := time.NewTimer(2 * time.Minute)
	defer limit.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatal("in vain waited for:", what)
		}
	}
}

type fixture struct {
	*Spool
	t    *testing.T
	dir  string
	door *door
	logs *logs
}

// start makes a spool with short waits; change may set options, and tune what is not an option.
func start(t *testing.T, change func(o *Options), tune func(s *Spool)) *fixture {
	t.Helper()
	f := &fixture{t: t, dir: t.TempDir(), door: newDoor(), logs: &logs{}}
	o := Options{Directory: f.dir, Door: f.door, Extract: true, Log: slog.New(slog.NewTextHandler(f.logs, nil))}
	if change != nil {
		change(&o)
		f.dir = o.Directory
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	f.Spool = s
	s.rhythm = rhythm{still: 50 * time.Millisecond, empty: 150 * time.Millisecond, rescan: 100 * time.Millisecond,
		poll: 20 * time.Millisecond, first: 5 * time.Millisecond, most: 50 * time.Millisecond}
	if tune != nil {
		tune(s)
	}
	f.run()
	return f
}

// run runs the spool until the end of the test.
func (f *fixture) run() {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { f.Run(ctx) })
	f.t.Cleanup(func() {
		cancel()
		running.Wait()
		if err := f.Close(); err != nil {
			f.t.Error(err)
		}
	})
}

// put makes a file that is whole as soon as it can be seen.
func put(t *testing.T, dir, name, text string) string {
	t.Helper()
	hidden, path := filepath.Join(dir, ".put"), filepath.Join(dir, name)
	if err := errors.Join(os.WriteFile(hidden, []byte(text), 0o600), os.Rename(hidden, path)); err != nil {
		t.Fatal(err)
	}
	return path
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func (f *fixture) counted(outcome string) float64 {
	return value(f.metrics.files.WithLabelValues(outcome))
}

// scanned waits until the directory was read as a whole.
func (f *fixture) scanned() {
	f.t.Helper()
	before := value(f.metrics.scans)
	until(f.t, "two scans", func() bool { return value(f.metrics.scans) >= before+2 })
}

// value is that of a counter or gauge.
func value(m prometheus.Metric) float64 {
	var d dto.Metric
	if err := m.Write(&d); err != nil {
		panic(err)
	}
	return d.GetCounter().GetValue() + d.GetGauge().GetValue()
}

func TestFilesAreTakenAndRemoved(t *testing.T) {
	dir := t.TempDir()
	old := put(t, dir, "before.eml", letter)
	f := start(t, func(o *Options) { o.Directory = dir }, func(s *Spool) { s.rhythm.empty = time.Hour })
	until(t, "the file from before", func() bool { return !exists(old) })
	closed := filepath.Join(dir, "closed.eml")
	if err := os.WriteFile(closed, []byte(letter), 0o600); err != nil {
		t.Fatal(err)
	}
	moved := put(t, dir, "moved.eml", letter)
	until(t, "the new files", func() bool { return !exists(closed) && !exists(moved) })
	if got := f.door.files(); !slices.Equal(got, []string{"before.eml", "closed.eml", "moved.eml"}) {
		t.Fatal(got)
	}
	s := f.door.got[0]
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	want := inject.Spool{Directory: dir, File: "before.eml", User: me.Username, Size: int64(len(letter))}
	if *s.Origin.(*inject.Spool) != want || string(s.Source) != letter || !s.HeaderRecipients || !s.Extract || len(s.Recipients) != 0 || !s.From.IsZero() {
		t.Errorf("%+v %+v", s.Origin, s)
	}
	if n := f.counted(published); n != 3 {
		t.Error("counted", n)
	}
}

func TestAtOnceWithoutWaitingForAScan(t *testing.T) {
	f := start(t, nil, func(s *Spool) { s.rhythm = usual(); s.rhythm.rescan = time.Hour })
	put(t, f.dir, "first", letter) // the first scan may have been before or after it
	until(t, "the first file", func() bool { return len(f.door.files()) == 1 })
	put(t, f.dir, "second", letter)
	until(t, "the second file", func() bool { return len(f.door.files()) == 2 })
}

func TestAHalfWrittenFileIsLeftAlone(t *testing.T) {
	const still = time.Second // time enough for word from the kernel on a busy machine
	f := start(t, nil, func(s *Spool) { s.rhythm.still = still })
	f.scanned() // by now the kernel tells
	path := filepath.Join(f.dir, "slow.eml")
	w, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteString(letter); err != nil {
		t.Fatal(err)
	}
	put(t, f.dir, "other", letter)
	until(t, "another file", func() bool { return slices.Equal(f.door.files(), []string{"other"}) })
	for began := time.Now(); time.Since(began) < still; { // the file stands still for longer than a file may
		f.scanned()
	}
	if slices.Contains(f.door.files(), "slow.eml") {
		t.Fatal("taken while it was being written")
	}
	if _, err := w.WriteString("more\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "the file", func() bool { return !exists(path) })
	if got := f.door.source("slow.eml"); got != letter+"more\r\n" {
		t.Errorf("%q", got)
	}
}

// Without word from the kernel a file has to stand still.
func TestPolling(t *testing.T) {
	dir := t.TempDir()
	d := newDoor()
	s, err := New(Options{Directory: dir, Door: d})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.rhythm.still = 300 * time.Millisecond
	f := newFeeder(s, nil)
	defer f.close()
	name := put(t, dir, "a", letter)
	if _, err := f.look(); err != nil || f.ready != nil {
		t.Fatal("taken at once", err)
	}
	until(t, "the file to be ready", func() bool {
		if _, err := f.look(); err != nil {
			t.Fatal(err)
		}
		return f.ready != nil
	})
	info, err := s.dir.look("a")
	if err != nil {
		t.Fatal(err)
	}
	if age := time.Since(info.ctime); age < s.rhythm.still-20*time.Millisecond {
		t.Errorf("%s was taken after %s", name, age)
	}
	if f.events != nil || f.rescan.IsZero() {
		t.Error("no next scan is planned")
	}
}

func TestDelay(t *testing.T) {
	f := start(t, func(o *Options) { o.Delay = 300 * time.Millisecond }, nil)
	began := time.Now()
	path := put(t, f.dir, "a", letter)
	until(t, "the file", func() bool { return !exists(path) })
	if took := time.Since(began); took < 280*time.Millisecond { // the clock of a file system ticks every few milliseconds
		t.Error("taken after", took)
	}
}

func TestWhatIsNeverOpened(t *testing.T) {
	outside := put(t, t.TempDir(), "secret", letter)
	f := start(t, nil, nil)
	if err := errors.Join(
		os.Symlink(outside, filepath.Join(f.dir, "symlink")),
		os.Symlink("inside", filepath.Join(f.dir, "symlink-inside")),
		os.Link(outside, filepath.Join(f.dir, "hardlink")),
		os.Mkdir(filepath.Join(f.dir, "folder"), 0o700),
		unix.Mkfifo(filepath.Join(f.dir, "fifo"), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(f.dir, "folder"), "deep", letter)
	put(t, f.dir, ".dot", letter)
	f.scanned()
	if got := f.door.files(); len(got) != 0 {
		t.Error(got)
	}
	for _, name := range []string{"symlink", "symlink-inside", "hardlink", "folder/deep", "fifo", ".dot"} {
		if !exists(filepath.Join(f.dir, name)) {
			t.Error(name, "is gone")
		}
	}
	if text, err := os.ReadFile(outside); err != nil || string(text) != letter {
		t.Error("the file outside was touched", err)
	}
}

// The real door judges what a file holds; whatever is in it, nothing stops the others (F14).
func TestBadFilesGoToTheFailDirectory(t *testing.T) {
	fail := t.TempDir()
	put(t, fail, "no-recipient", "taken name")
	sent := &sender{}
	real := inject.New(inject.Options{Sender: sent, Queues: inject.Queues{Inbox: "inbox"}, Hostname: "h.test", Log: slog.New(slog.DiscardHandler)})
	f := start(t, func(o *Options) { o.Door, o.FailDirectory, o.MaxSize = real, fail, 10_000 }, nil)
	bad := map[string]string{
		"empty":         "",
		"no-header":     "just text\r\n",
		"no-recipient":  "From: a@b.test\r\n\r\nx\r\n",
		"bad-recipient": "From: a@b.test\r\nTo: a b@\x01, x@-.test\r\nBcc: foo@bar..\r\n\r\nx\r\n",
		"nul":           letter + "\x00",
		"too-large":     letter + strings.Repeat("x", 10_000),
		"torn":          letter[:30],
	}
	for name, text := range bad {
		put(t, f.dir, name, text)
	}
	if os.Getuid() != 0 { // root reads everything
		path := put(t, f.dir, "unreadable", letter)
		if err := os.Chmod(path, 0); err != nil {
			t.Fatal(err)
		}
		bad["unreadable"] = letter
	}
	good := put(t, f.dir, "good", letter)
	for name := range bad {
		until(t, name+" to be moved", func() bool { return !exists(filepath.Join(f.dir, name)) })
	}
	until(t, "the good one", func() bool { return !exists(good) })
	if sent.count() != 1 {
		t.Error(sent.count(), "messages were published")
	}
	for name, text := range bad {
		if name == "no-recipient" {
			name += ".1"
		}
		if got, err := os.ReadFile(filepath.Join(fail, name)); name != "unreadable" && (err != nil || string(got) != text) {
			t.Errorf("%s: %v %q", name, err, got)
		}
		if !f.logs.has("file=" + strings.TrimSuffix(name, ".1")) {
			t.Error(name, "is not in the log")
		}
	}
	if text, _ := os.ReadFile(filepath.Join(fail, "no-recipient")); string(text) != "taken name" {
		t.Error("a file of the fail directory was replaced")
	}
}

// sender is a broker.
type sender struct {
	mu sync.Mutex
	n  int
}

func (s *sender) Send(_ context.Context, ps []broker.Publishing, done broker.Done) {
	s.mu.Lock()
	s.n += len(ps)
	s.mu.Unlock()
	done(nil)
}

func (s *sender) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

// A file that makes the program fail is bad, and the others are taken.
func TestPanicAtAFile(t *testing.T) {
	fail := t.TempDir()
	f := start(t, func(o *Options) { o.FailDirectory, o.OpenFiles = fail, 1 }, nil)
	f.door.set(func(s *inject.Submission) error {
		if s.Origin.(*inject.Spool).File == "poison" {
			panic("no good")
		}
		return nil
	})
	bad := put(t, f.dir, "poison", letter)
	until(t, "the bad file to be moved", func() bool { return !exists(bad) && exists(filepath.Join(fail, "poison")) })
	good := put(t, f.dir, "good", letter)
	until(t, "the good file to be taken", func() bool { return !exists(good) })
	if got := f.door.files(); !slices.Equal(got, []string{"good"}) || f.counted(invalid) != 1 {
		t.Error(got, f.counted(invalid))
	}
	if !f.logs.has("no good") || !f.logs.has("spool_test.go") || !f.logs.has("Message made the program fail") {
		t.Errorf("the log says %q", f.logs.buf.String())
	}
}

func TestABadFileStaysUntilItChanges(t *testing.T) {
	f := start(t, nil, nil)
	f.door.set(func(s *inject.Submission) error {
		if string(s.Source) == letter {
			return nil
		}
		return &mail.Error{Code: 554, Status: "5.6.0", Text: "bad"}
	})
	path := put(t, f.dir, "a", "bad")
	<-f.door.came
	f.scanned()
	if n := f.counted(invalid); n != 1 || !exists(path) {
		t.Fatal("tried", n, "times")
	}
	if err := os.WriteFile(path, []byte(letter), 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, "the file that was mended", func() bool { return !exists(path) })
}

func TestRefusedFilesAreTriedAgain(t *testing.T) {
	for name, err := range map[string]error{
		"disk full":   &mail.Error{Code: 452, Status: "4.3.1", Text: "Insufficient system storage"},
		"broker gone": &mail.Error{Code: 451, Status: "4.3.0", Text: "not now"},
		"unknown":     errors.New("something else"),
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, func(o *Options) { o.OpenFiles = 2 }, nil)
			f.door.set(func(*inject.Submission) error { return err })
			const n = 50
			for i := range n {
				put(t, f.dir, fmt.Sprint("f", i), letter)
			}
			until(t, "many refusals", func() bool { return f.counted(refused) > 10 })
			if got := len(f.door.files()); got != 0 {
				t.Fatal(got)
			}
			f.door.set(nil)
			until(t, "all of them", func() bool { return len(f.door.files()) == n })
			names := f.door.files()
			if len(slices.Compact(names)) != n {
				t.Error("some came twice")
			}
		})
	}
}

// One message that is always refused does not stand before the others.
func TestOneRefusedFile(t *testing.T) {
	f := start(t, nil, nil)
	f.door.set(func(s *inject.Submission) error {
		if s.Origin.(*inject.Spool).File == "poison" {
			return &mail.Error{Code: 451}
		}
		return nil
	})
	put(t, f.dir, "poison", letter)
	for i := range 100 {
		put(t, f.dir, fmt.Sprint("f", i), letter)
	}
	until(t, "the others", func() bool { return len(f.door.files()) == 100 })
	if !exists(filepath.Join(f.dir, "poison")) {
		t.Error("the refused one is gone")
	}
}

func TestKeep(t *testing.T) {
	f := start(t, func(o *Options) { o.Keep = true }, nil)
	path := put(t, f.dir, "a", letter)
	until(t, "the file", func() bool { return len(f.door.files()) == 1 })
	if err := os.Chmod(path, 0o640); err != nil { // no reason to send it again
		t.Fatal(err)
	}
	f.scanned()
	if n := len(f.door.files()); n != 1 {
		t.Fatal(n, "messages")
	}
	put(t, f.dir, ".a", letter)
	if err := os.Rename(filepath.Join(f.dir, ".a"), path); err != nil {
		t.Fatal(err)
	}
	until(t, "another message of that name", func() bool { return len(f.door.files()) == 2 })
	if got := f.door.files(); !slices.Equal(got, []string{"a", "a"}) {
		t.Error(got)
	}
}

// A message that takes the name of one that is being published is neither removed with it nor forgotten.
func TestReplacedWhileItIsPublished(t *testing.T) {
	f := start(t, nil, nil)
	path := filepath.Join(f.dir, "a")
	second := strings.Replace(letter, "hello", "again", 1)
	f.door.set(func(s *inject.Submission) error {
		if string(s.Source) == letter {
			put(t, f.dir, ".b", second)
			return os.Rename(filepath.Join(f.dir, ".b"), path)
		}
		return nil
	})
	put(t, f.dir, "a", letter)
	until(t, "both", func() bool { return len(f.door.files()) == 2 && !exists(path) })
	if got := f.door.source("a"); got != second {
		t.Errorf("%q", got)
	}
}

func TestASecondOneIsRefused(t *testing.T) {
	f := start(t, nil, nil)
	if _, err := New(Options{Directory: f.dir, Door: f.door}); !errors.Is(err, ErrInUse) {
		t.Fatal(err)
	}
	put(t, f.dir, "a", letter)
	until(t, "the first one to go on", func() bool { return len(f.door.files()) == 1 })
}

func TestTheLockIsNoWayOut(t *testing.T) {
	dir := t.TempDir()
	victim := put(t, t.TempDir(), "victim", "precious")
	if err := os.Symlink(victim, filepath.Join(dir, lockName)); err != nil {
		t.Fatal(err)
	}
	if s, err := New(Options{Directory: dir, Door: newDoor()}); err == nil {
		s.Close()
		t.Fatal("a symbolic link was followed")
	}
	if text, _ := os.ReadFile(victim); string(text) != "precious" {
		t.Errorf("%q", text)
	}
}

func TestLeftBetweenPublishingAndRemoval(t *testing.T) {
	dir := t.TempDir()
	d, err := openFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	put(t, dir, "a", letter)
	was, err := d.look("a")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, doneName(&was))); err != nil {
		t.Fatal(err)
	}
	put(t, dir, donePrefix+"1-2-3", letter) // another file than its name says: never published
	f := start(t, func(o *Options) { o.Directory = dir }, nil)
	until(t, "the unpublished one", func() bool { return len(f.door.files()) == 1 })
	until(t, "an empty directory", func() bool {
		names, err := os.ReadDir(dir)
		return err == nil && len(names) == 1 && names[0].Name() == lockName
	})
	if got := f.door.files()[0]; got != donePrefix[1:]+"1-2-3" {
		t.Error(got)
	}
}

func TestAFileThatCannotBeRemovedIsNotSentAgain(t *testing.T) {
	f := start(t, nil, nil)
	blocked := filepath.Join(f.dir, "a")
	f.door.set(func(s *inject.Submission) error { // a folder stands where the file is to be moved to
		was, err := f.Spool.dir.look("a")
		if err != nil {
			return err
		}
		return os.MkdirAll(filepath.Join(f.dir, doneName(&was), "x"), 0o700)
	})
	put(t, f.dir, "a", letter)
	until(t, "the failure", func() bool { return value(f.metrics.doubles) == 1 })
	f.door.set(nil)
	f.scanned()
	if n := len(f.door.files()); n != 1 {
		t.Fatal(n, "messages")
	}
	if !exists(blocked) || !f.logs.has("cannot be removed") {
		t.Error("the file is gone, or nothing was said")
	}
	hidden, err := filepath.Glob(filepath.Join(f.dir, donePrefix+"*"))
	if err != nil || len(hidden) != 1 {
		t.Fatal(hidden, err)
	}
	if err := os.RemoveAll(hidden[0]); err != nil {
		t.Fatal(err)
	}
	until(t, "the removal to succeed in the end", func() bool { return !exists(blocked) })
	if n := len(f.door.files()); n != 1 {
		t.Error(n, "messages")
	}
}

func TestTheDirectoryIsReplaced(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "in")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	f := start(t, func(o *Options) { o.Directory = dir }, nil)
	put(t, dir, "a", letter)
	until(t, "the first", func() bool { return len(f.door.files()) == 1 })
	if err := os.Rename(dir, filepath.Join(parent, "old")); err != nil {
		t.Fatal(err)
	}
	until(t, "the loss to be noticed", func() bool { return f.logs.has("waiting for the directory") })
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	until(t, "the new directory", func() bool { return exists(filepath.Join(dir, lockName)) })
	put(t, dir, "b", letter)
	until(t, "the second", func() bool { return len(f.door.files()) == 2 })
}

// What is in hand when the spool is stopped comes to its end.
func TestStop(t *testing.T) {
	dir := t.TempDir()
	d := newDoor()
	s, err := New(Options{Directory: dir, Door: d, Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.rhythm.still = 0
	ctx, cancel := context.WithCancel(t.Context())
	entered, leave := make(chan struct{}), make(chan struct{})
	d.set(func(*inject.Submission) error {
		close(entered)
		<-leave
		return nil
	})
	path := put(t, dir, "a", letter)
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	<-entered
	cancel()
	close(leave)
	running.Wait()
	if exists(path) || len(d.files()) != 1 {
		t.Error("the file in hand was not finished")
	}
}

func TestStopDoesNotWaitForEver(t *testing.T) {
	dir := t.TempDir()
	s, err := New(Options{Directory: dir, Door: stuck{}, Grace: 10 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.rhythm.still = 0
	path := put(t, dir, "a", letter)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	until(t, "the file in hand", func() bool { return value(s.metrics.inHand) == 1 })
	cancel()
	running.Wait()
	if !exists(path) || value(s.metrics.doubles) != 1 {
		t.Error("the file is gone, or the possible double was not counted")
	}
}

type stuck struct{}

func (stuck) Accept(ctx context.Context, _ inject.Submission) ([]string, error) {
	<-ctx.Done()
	return nil, &mail.Error{Code: 451, Cause: ctx.Err()}
}

func TestManyFiles(t *testing.T) {
	dir := t.TempDir()
	const n = 3000 // more than one chunk
	for i := range n {
		put(t, dir, fmt.Sprint("f", i), letter)
	}
	f := start(t, func(o *Options) { o.Directory, o.Threads = dir, 2 }, nil)
	until(t, "all", func() bool { return f.counted(published) == n })
	if len(slices.Compact(f.door.files())) != n {
		t.Error("some came twice")
	}
}
