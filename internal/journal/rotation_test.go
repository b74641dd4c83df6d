package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// request logs a line of 10 bytes with its line end.
func request(j *Journal, n int) { j.Request(Request{Request: fmt.Sprintf("line %04d", n)}) }

func rotated(dir string, o File) Options {
	o.Path, o.Rotate = filepath.Join(dir, "www.log"), true
	return Options{WWW: Kind{Format: "{$request}", Text: o}}
}

func want(t *testing.T, dir string, wanted ...string) {
	t.Helper()
	if got := names(t, dir); !slices.Equal(got, wanted) {
		t.Fatalf("files are %v, want %v", got, wanted)
	}
}

// tidied lets the keepers do what they have to do.
func tidied(t *testing.T, dir string, wanted ...string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if slices.Equal(names(t, dir), wanted) {
			return
		}
		time.Sleep(time.Millisecond)
	}
	want(t, dir, wanted...)
}

func TestRotationBySize(t *testing.T) {
	dir := t.TempDir()
	registry := prometheus.NewRegistry()
	o := rotated(dir, File{MaxSize: 25, History: 100})
	o.Registerer = registry
	j := open(t, o)
	for i := range 10 {
		request(j, i)
	}
	shut(t, j)
	want(t, dir, "www.log", "www.log.1", "www.log.2", "www.log.3")
	// 30 bytes each: the line that reaches the size is the last of its file.
	for i, want := range []string{"line 0000\nline 0001\nline 0002\n", "line 0003\nline 0004\nline 0005\n", "line 0006\nline 0007\nline 0008\n"} {
		if got := read(t, numbered(filepath.Join(dir, "www.log"), i+1)); got != want {
			t.Errorf("file %d is %q", i+1, got)
		}
	}
	if got := read(t, filepath.Join(dir, "www.log")); got != "line 0009\n" {
		t.Errorf("current file is %q", got)
	}
	if n := counted(t, registry, "posthoorn_journal_rotations_total", "www"); n != 3 {
		t.Errorf("%v rotations", n)
	}
	if n := counted(t, registry, "posthoorn_journal_lines_total", "www"); n != 10 {
		t.Errorf("%v lines", n)
	}
}

func TestHistoryAndRestart(t *testing.T) {
	dir := t.TempDir()
	// Numbers go on behind the highest one that is there; what only looks like an old file is not touched.
	for _, name := range []string{"www.log.8", "www.log.9.gz", "www.log.07", "www.log.x", "www.log.-3", "www.log.0", "other.log.10"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("old\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	foreign := []string{"www.log.-3", "www.log.0", "www.log.07", "www.log.x"}
	sorted := func(names ...string) []string { // as a directory is read
		all := append(append([]string{"other.log.10"}, foreign...), names...)
		slices.Sort(all)
		return all
	}
	o := rotated(dir, File{MaxSize: 10, History: 3})
	j := open(t, o)
	for i := range 3 {
		request(j, i)
	}
	tidied(t, dir, sorted("www.log", "www.log.10", "www.log.11", "www.log.9.gz")...)
	shut(t, j)
	j = open(t, o)
	request(j, 3)
	request(j, 4)
	tidied(t, dir, sorted("www.log", "www.log.11", "www.log.12", "www.log.13")...)
	shut(t, j)
	if got := read(t, filepath.Join(dir, "www.log.12")); got != "line 0002\n" {
		t.Errorf("the file of the first run is %q", got)
	}
}

func TestCompression(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "www.log")
	// What a run leaves that was stopped in the middle of compressing 3, and before deleting 2.
	for name, content := range map[string]string{"www.log.1": "one\n", "www.log.2": "two\n", "www.log.3": "three\n", "www.log.gz.tmp": "half"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	k := &keeper{path: path, ctx: context.Background()}
	if err := k.pack(numbered(path, 2), numbered(path, 2)+gzipped); err != nil {
		t.Fatal(err)
	}
	j := open(t, rotated(dir, File{MaxSize: 10, History: 10, Gzip: true}))
	tidied(t, dir, "www.log", "www.log.1.gz", "www.log.2.gz", "www.log.3.gz")
	request(j, 1)
	request(j, 2)
	tidied(t, dir, "www.log", "www.log.1.gz", "www.log.2.gz", "www.log.3.gz", "www.log.4.gz")
	shut(t, j)
	for i, want := range []string{"one\n", "two\n", "three\n", "line 0001\n"} {
		if got := read(t, numbered(path, i+1)+gzipped); got != want {
			t.Errorf("file %d is %q, want %q", i+1, got, want)
		}
	}
}

func TestCompressionBrokenOff(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.1")
	if err := os.WriteFile(path, []byte("a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	k := &keeper{path: filepath.Join(dir, "a")}
	var cancel context.CancelFunc
	k.ctx, cancel = context.WithCancel(context.Background())
	cancel()
	if err := k.compress(path); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	want(t, dir, "a.1")
}

func TestRotationByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		j := open(t, rotated(dir, File{MaxAge: time.Hour, History: 10}))
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		want(t, dir, "www.log") // an empty file does not age

		request(j, 1)
		time.Sleep(59 * time.Minute)
		request(j, 2)
		synctest.Wait()
		want(t, dir, "www.log")
		time.Sleep(2 * time.Minute) // nobody writes
		synctest.Wait()
		want(t, dir, "www.log", "www.log.1")
		request(j, 3)
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		want(t, dir, "www.log", "www.log.1")
		shut(t, j)
		if got := read(t, filepath.Join(dir, "www.log.1")); got != "line 0001\nline 0002\n" {
			t.Errorf("old file is %q", got)
		}
	})
}

func TestRotationImpossible(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	f, err := openFile(File{Path: path, Rotate: true, MaxSize: 5, History: 5}, func() {}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	f.turns.path = filepath.Join(dir, "elsewhere") // cannot be renamed: it is not there
	for range 3 {
		if n, err := f.write([]byte("123456\n123456\n")); n != 14 || err != nil {
			t.Fatal(n, err)
		}
	}
	if err := f.tick(); err == nil {
		t.Error("nobody hears of it")
	}
	if got := read(t, path); got != strings.Repeat("123456\n", 6) {
		t.Errorf("file is %q", got)
	}
}

// A tool that rotates renames or removes the file: a new one is opened under the old name.
func TestRenamedFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "log")
		path := filepath.Join(dir, "www.log")
		j := open(t, Options{WWW: Kind{Format: "{$request}", Text: File{Path: path}}})
		line := func(n int) {
			request(j, n)
			time.Sleep(gather)
			synctest.Wait()
		}
		line(1)
		move := func(to string) {
			if err := os.Rename(path, to); err != nil {
				t.Fatal(err)
			}
		}
		move(path + "-1")
		line(2)
		move(path + "-2")
		time.Sleep(2 * tickEvery) // without a line
		synctest.Wait()
		if read(t, path) != "" {
			t.Error("new file is not empty")
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		line(3)
		if got := read(t, path); got != "line 0003\n" {
			t.Errorf("after removal: %q", got)
		}
		shut(t, j)
	})
}

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "www.log")
	j := open(t, Options{WWW: Kind{Format: "{$request}", Text: File{Path: path}}})
	request(j, 1)
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	if err := j.Reopen(context.Background()); err != nil {
		t.Fatal(err)
	}
	request(j, 2)
	if err := j.Reopen(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path) + read(t, path+".old"); strings.Count(got, "\n") != 2 || !strings.Contains(read(t, path), "line 0002") {
		t.Errorf("files hold %q", got)
	}
	if err := os.Rename(path, path+".old2"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := j.Reopen(context.Background()); err == nil {
		t.Error("a directory can be opened")
	}
	request(j, 3) // nothing is lost: it goes where the last one went
	shut(t, j)
	if got := read(t, path+".old2"); !strings.HasSuffix(got, "line 0002\nline 0003\n") {
		t.Errorf("the old file holds %q", got)
	}
	if err := j.Reopen(context.Background()); err != nil {
		t.Errorf("after the end: %v", err)
	}
}

func TestOldFilesThatCannotBeKept(t *testing.T) {
	var heard strings.Builder
	k := &keeper{path: filepath.Join(t.TempDir(), "gone", "x"), log: slog.New(slog.NewTextHandler(&heard, nil))}
	for range 2 {
		k.report(k.tidy())
	}
	k.report(context.Canceled)
	k.report(nil)
	k.report(k.tidy())
	if got := strings.Count(heard.String(), "cannot look after old logs"); got != 2 {
		t.Errorf("it is said %d times: %s", got, heard.String())
	}
}
