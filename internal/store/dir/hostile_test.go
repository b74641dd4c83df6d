package dir

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"posthoorn/internal/store"
)

func open(t *testing.T, path, options string) *store.Store {
	t.Helper()
	a, err := store.ParseAddress("dir://" + path + options)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(a, store.Options{Logger: slog.New(slog.DiscardHandler), Timeout: 2 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func put(t *testing.T, s *store.Store, key, data string) {
	t.Helper()
	if err := s.Put(t.Context(), key, []byte(data), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestPlaces(t *testing.T) {
	for key, want := range map[string]string{
		"abc":              "ba/78/16/bf/abc",
		"ph-0_1.x":         "01/70/86/90/ph-0_1.x",
		"../../etc/passwd": "",
		"..":               "",
	} {
		have := (&folder{depth: 4}).place(key)
		if want == "" {
			want = have
			file := filepath.Base(have)
			if !isHash(file) || filepath.Dir(have) != strings.Join([]string{file[:2], file[2:4], file[4:6], file[6:8]}, "/") {
				t.Errorf("%q lies at %s", key, have)
			}
		}
		if have != want {
			t.Errorf("%q lies at %s, want %s", key, have, want)
		}
	}
}

// What somebody plants in the folder leads nowhere.
func TestPlanted(t *testing.T) {
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret")
	must(t, os.WriteFile(secret, []byte("secret"), 0o600))
	for name, plant := range map[string]func(path string) error{
		"link to a file":     func(path string) error { return os.Symlink(secret, path) },
		"link upwards":       func(path string) error { return os.Symlink("../../../../../../../../../../../../.."+secret, path) },
		"link to nothing":    func(path string) error { return os.Symlink("/nowhere/at/all", path) },
		"link to itself":     func(path string) error { return os.Symlink(filepath.Base(path), path) },
		"named pipe":         func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"folder":             func(path string) error { return os.Mkdir(path, 0o700) },
		"device, if allowed": func(path string) error { return mknod(path) },
	} {
		t.Run(name, func(t *testing.T) {
			root := filepath.Join(t.TempDir(), "store")
			s := open(t, root, "")
			place := filepath.Join(root, "ba/78/16/bf")
			must(t, os.MkdirAll(place, 0o700))
			must(t, plant(filepath.Join(place, "abc")))
			if data, err := s.Get(t.Context(), "abc"); err == nil {
				t.Errorf("have %q", data)
			}
			if _, err := s.Sweep(t.Context()); err != nil {
				t.Error(err)
			}
			// A link is replaced, never followed.
			if err := s.Put(t.Context(), "abc", []byte("ours"), time.Now().Add(time.Hour)); err != nil && name != "folder" {
				t.Error(err)
			}
			if err := s.Delete(t.Context(), "abc"); err != nil {
				t.Error(err)
			}
			if data, err := os.ReadFile(secret); string(data) != "secret" || err != nil {
				t.Errorf("outside: %q, %v", data, err)
			}
			if left := files(t, outside); len(left) != 1 {
				t.Errorf("outside: %q", left)
			}
		})
	}
}

// mknod needs rights that a container may lack.
func mknod(path string) error {
	if err := syscall.Mknod(path, syscall.S_IFCHR|0o600, 1<<8|5); err != nil { // /dev/zero
		return syscall.Mkfifo(path, 0o600)
	}
	return nil
}

// A folder on the way that is a link to elsewhere is not entered.
func TestPlantedFolder(t *testing.T) {
	outside, root := t.TempDir(), filepath.Join(t.TempDir(), "store")
	s := open(t, root, "")
	must(t, os.MkdirAll(filepath.Join(outside, "78/16/bf"), 0o700))
	old := filepath.Join(outside, "78/16/bf/abc")
	must(t, os.WriteFile(old, []byte("theirs"), 0o600))
	must(t, os.Chtimes(old, time.Time{}, time.Now().Add(-48*time.Hour)))
	must(t, os.Symlink(outside, filepath.Join(root, "ba")))
	if data, err := s.Get(t.Context(), "abc"); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("have %q, %v", data, err)
	}
	if err := s.Put(t.Context(), "abc", []byte("ours"), time.Now().Add(time.Hour)); err == nil {
		t.Error("written through a link")
	}
	if err := s.Delete(t.Context(), "abc"); err == nil {
		t.Error("deleted through a link")
	}
	if n, err := s.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("%d were swept, %v", n, err)
	}
	if data, err := os.ReadFile(old); string(data) != "theirs" || err != nil {
		t.Errorf("outside: %q, %v", data, err)
	}
}

// The sweep removes what keys have put there, and nothing else, whatever its age.
func TestSweepKnowsItsOwn(t *testing.T) {
	for options, stays := range map[string][]string{
		"":         {"abc", "notes.txt", "ba/78/16/bf/other", "ba/78/16/bf/two words", "ba/78/16/bf/~backup", "ba/78/16/abc", "ba/78/16/bf/aa/abc", "etc/78/16/bf/abc", "ba/78/16/bf/" + strings.Repeat("0", 64)},
		"?depth=0": {"two words", "ba/abc", "päckchen"},
	} {
		t.Run(options, func(t *testing.T) {
			root := t.TempDir()
			s := open(t, root, options)
			past := time.Now().Add(-time.Minute)
			for _, name := range stays {
				must(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o700))
				must(t, os.WriteFile(filepath.Join(root, name), []byte("x"), 0o600))
			}
			key := store.NewKey()
			put(t, s, key, "x")
			put(t, s, "..", "x")
			f := &sweep{folder: &folder{root: rootOf(t, root), depth: map[string]int{"": 4, "?depth=0": 0}[options]}, now: past.Add(48 * time.Hour)}
			must(t, f.walk(t.Context(), ".", 0))
			if f.removed != 2 {
				t.Errorf("%d were removed", f.removed)
			}
			if left := files(t, root); len(left) != len(stays) {
				t.Errorf("left are %q", left)
			}
		})
	}
}

func rootOf(t *testing.T, path string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(path)
	must(t, err)
	t.Cleanup(func() { _ = root.Close() })
	return root
}

// A program that writes a file and says nothing of expiry has a day.
func TestSweepOfForeignFiles(t *testing.T) {
	root := t.TempDir()
	s := open(t, root, "")
	place := filepath.Join(root, "ba/78/16/bf")
	must(t, os.MkdirAll(place, 0o700))
	must(t, os.WriteFile(filepath.Join(place, "abc"), []byte("theirs"), 0o644))
	must(t, os.WriteFile(filepath.Join(place, temporary+rand.Text()), []byte("half"), 0o600))
	if data, err := s.Get(t.Context(), "abc"); string(data) != "theirs" || err != nil {
		t.Errorf("have %q, %v", data, err)
	}
	for _, c := range []struct {
		after   time.Duration
		removed int
	}{{50 * time.Minute, 0}, {61 * time.Minute, 1}, {23 * time.Hour, 0}, {25 * time.Hour, 1}} {
		f := &folder{root: rootOf(t, root), depth: 4}
		if n, err := f.Sweep(t.Context(), time.Now().Add(c.after)); n != c.removed || err != nil {
			t.Errorf("after %v: %d, %v", c.after, n, err)
		}
	}
	for level := range 4 { // a level goes with each sweep
		f := &folder{root: rootOf(t, root), depth: 4}
		if _, err := f.Sweep(t.Context(), time.Now().Add(2*time.Hour)); err != nil {
			t.Errorf("level %d: %v", level, err)
		}
	}
	if left, err := filepath.Glob(root + "/*"); len(left) > 0 || err != nil {
		t.Errorf("empty folders are left: %q", left)
	}
}

// A Put whose folders are swept away beneath it makes them anew.
func TestPutWhileSweeping(t *testing.T) {
	s := open(t, t.TempDir(), "?depth=2")
	done := make(chan error)
	go func() {
		var err error
		for range 200 {
			key := store.NewKey()
			err = errors.Join(err, s.Put(t.Context(), key, []byte("x"), time.Now().Add(time.Hour)), s.Delete(t.Context(), key))
		}
		done <- err
	}()
	for {
		select {
		case err := <-done:
			must(t, err)
			return
		default:
			_, err := s.Sweep(t.Context())
			must(t, err)
		}
	}
}

// A full disk is told, leaves nothing half behind, and heals.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("a small disk can be mounted by root only; run the tests as root")
	}
	root := t.TempDir()
	must(t, syscall.Mount("tmpfs", root, "tmpfs", 0, "mode=0700,size=1m"))
	t.Cleanup(func() { must(t, syscall.Unmount(root, syscall.MNT_DETACH)) })
	s := open(t, root, "?depth=1")
	put(t, s, "small", "x")
	err := s.Put(t.Context(), "large", make([]byte, 2<<20), time.Now().Add(time.Hour))
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "is full; make room") || errors.Is(err, store.ErrTooLarge) {
		t.Errorf("have %v", err)
	}
	if _, err := s.Get(t.Context(), "large"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("have %v", err)
	}
	if left := files(t, root); len(left) != 1 {
		t.Errorf("left are %q", left)
	}
	put(t, s, "again", strings.Repeat("x", 500_000))
}

func TestOpenErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	for _, path := range []string{file, file + "/below", "/dev/null"} {
		a, err := store.ParseAddress("dir://" + path)
		must(t, err)
		if s, err := Open(a, store.Options{}); err == nil {
			t.Errorf("%s was taken", path)
			_ = s.Close()
		}
	}
	if _, err := Open(store.Address{Scheme: store.S3}, store.Options{}); err == nil {
		t.Error("a bucket is no folder")
	}
}
