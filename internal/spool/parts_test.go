package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"posthoorn/internal/mail"
)

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		err  error
		want verdict
	}{
		{nil, isDone},
		{&mail.Error{Code: 554}, isBad},
		{&mail.Error{Code: 552}, isBad},
		{&mail.Error{Code: 451}, isRefused},
		{fmt.Errorf("wrapped: %w", &mail.Error{Code: 452}), isRefused},
		{&fs.PathError{Err: unix.EACCES}, isBad},
		{&fs.PathError{Err: unix.ENOENT}, isGone},
		{&fs.PathError{Err: unix.ELOOP}, isGone},
		{errNotPlain, isGone},
		{&fs.PathError{Err: unix.EMFILE}, isRefused},
		{&fs.PathError{Err: unix.EIO}, isRefused},
		{&fs.PathError{Err: unix.ESTALE}, isRefused},
	} {
		if got := judge(c.err); got != c.want {
			t.Errorf("%v: %d, not %d", c.err, got, c.want)
		}
	}
}

func TestLater(t *testing.T) {
	var l later
	now := time.Now()
	at := func(n int) time.Time { return now.Add(time.Duration(n) * time.Second) }
	l.add(task{name: "created"}, at(5))
	l.add(task{name: "created", whole: true}, at(1)) // closed after writing: sooner
	l.add(task{name: "refused", tries: 3}, at(9))
	l.add(task{name: "refused", whole: true}, at(1)) // not sooner
	l.add(task{name: "third"}, at(3))
	if got, ok := l.pop(now); ok {
		t.Fatal("too early", got)
	}
	for _, want := range []task{{name: "created", whole: true}, {name: "third"}, {name: "refused", tries: 3}} {
		if got, ok := l.pop(at(10)); !ok || got != want {
			t.Errorf("%+v, not %+v", got, want)
		}
	}
	for i := range maxLater {
		l.add(task{name: fmt.Sprint(i)}, now)
	}
	if l.add(task{name: "one more"}, now) || l.has("one more") || !l.has("17") {
		t.Error("it has no bound")
	}
}

func TestMemoryForgetsWhatIsGone(t *testing.T) {
	var m memory
	a, b := fingerprint{1}, fingerprint{2}
	m.keep(a)
	m.keep(b)
	for range 300 { // more rounds than are counted
		m.beginScan()
		if !m.has(a) {
			t.Fatal("forgotten")
		}
		m.endScan()
	}
	if m.has(b) || len(m.known) != 1 {
		t.Error("not forgotten")
	}
}

func TestMoveAwayToAnotherFileSystem(t *testing.T) {
	const shm = "/dev/shm"
	var here, there unix.Stat_t
	dir := t.TempDir()
	if unix.Stat(dir, &here) != nil || unix.Stat(shm, &there) != nil || here.Dev == there.Dev {
		t.Log("there is one file system only: the copy is tested alone")
	}
	far, err := os.MkdirTemp(shm, "posthoorn-test")
	if err != nil {
		far = t.TempDir()
	}
	defer os.RemoveAll(far)
	from, err1 := openFolder(dir)
	to, err2 := openFolder(far)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	defer from.close()
	defer to.close()
	put(t, far, "a", "taken")
	for _, move := range []func(string, *facts, *folder) (string, error){from.moveAway, from.copyAway} {
		put(t, dir, "a", letter)
		was, err := from.look("a")
		if err != nil {
			t.Fatal(err)
		}
		as, err := move("a", &was, to)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(filepath.Join(far, as)); err != nil || string(text) != letter || as == "a" {
			t.Errorf("%s %v %q", as, err, text)
		}
	}
	names, err := os.ReadDir(far)
	if err != nil || len(names) != 3 {
		t.Error(names, err)
	}
}

// A file of the same name that came meanwhile is not moved as if it were the bad one.
func TestMoveAwayLooks(t *testing.T) {
	d, err := openFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	put(t, d.path, "a", letter)
	if _, err := d.moveAway("a", &facts{ino: 1}, d); !errors.Is(err, fs.ErrNotExist) || !exists(filepath.Join(d.path, "a")) {
		t.Error(err)
	}
}

func TestNothingIsReadThroughALink(t *testing.T) {
	d, err := openFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	put(t, d.path, "a", letter)
	if err := errors.Join(os.Symlink("a", filepath.Join(d.path, "link")), unix.Mkfifo(filepath.Join(d.path, "fifo"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link", "fifo", "."} {
		if _, _, _, err := d.read(name, 1000); judge(err) != isGone {
			t.Error(name, err)
		}
	}
	if _, _, _, err := d.read("a", 10); !errors.Is(err, errTooBig) {
		t.Error(err)
	}
}

// A file that is remembered and too young to be taken, waits or is in hand is still there: a scan must not forget it.
func TestAScanDoesNotForgetWhatItPasses(t *testing.T) {
	s, err := New(Options{Directory: t.TempDir(), Door: newDoor(), Keep: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for name, pass := range map[string]func(f *feeder){
		"young":   func(*feeder) {},
		"waiting": func(f *feeder) { f.later.add(task{name: "a"}, time.Now().Add(time.Hour)) },
		"in hand": func(f *feeder) { f.inHand["a"] = &task{name: "a"} },
		"written": func(f *feeder) { f.writing["a"] = time.Now() },
	} {
		f := newFeeder(s, nil)
		put(t, s.dir.path, "a", letter)
		file, err := s.dir.look("a")
		if err != nil {
			t.Fatal(err)
		}
		f.memory.keep(doneAs("a", &file))
		pass(f)
		for range 2 {
			f.memory.beginScan()
			f.consider(task{name: "a"})
			f.memory.endScan()
		}
		if f.ready != nil || !f.memory.has(doneAs("a", &file)) {
			t.Error(name, "is forgotten")
		}
	}
}
