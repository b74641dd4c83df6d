package journal

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// defaultMaxSize is the stated default of the maxsize keys.
const defaultMaxSize = 100 << 20

// A rotation gives files that are full or old a number, which rises with time.
type rotation struct {
	path   string
	size   int64
	age    time.Duration
	next   int  // free number
	stuck  bool // the last attempt failed: no more until the next tick
	turned func()
	keeper *keeper
}

func newRotation(o File, turned func(), log *slog.Logger) (*rotation, error) {
	old, err := history(o.Path)
	if err != nil {
		return nil, err
	}
	r := &rotation{path: o.Path, size: o.MaxSize, age: o.MaxAge, next: 1, turned: turned}
	if r.size <= 0 {
		r.size = defaultMaxSize
	}
	if len(old) > 0 {
		r.next = old[0].number + 1
	}
	r.keeper = startKeeper(o, log)
	return r, nil
}

// fitting returns the lines that still go into the file, one at least, after rotating it if it is due.
// A file that cannot be rotated goes on growing.
func (r *rotation) fitting(f *file, lines []byte) []byte {
	if r.due(f) && !r.stuck {
		r.stuck = r.rotate(f) != nil
	}
	room := r.size - f.size
	if r.stuck || int64(len(lines)) <= room {
		return lines
	}
	end := 0
	for end < len(lines) && int64(end) < room || end == 0 {
		end += bytes.IndexByte(lines[end:], '\n') + 1
	}
	return lines[:end]
}

// inTime rotates a file that is full or old although nobody writes to it.
func (r *rotation) inTime(f *file) error {
	if !r.due(f) {
		return nil
	}
	err := r.rotate(f)
	r.stuck = err != nil
	return err
}

func (r *rotation) due(f *file) bool {
	return f.size >= r.size || r.age > 0 && f.size > 0 && time.Since(f.born) >= r.age
}

// rotate moves the file away, under a number that was never used, and opens a new one. Nothing is
// renamed twice.
func (r *rotation) rotate(f *file) error {
	for r.taken(r.next) {
		r.next++
	}
	if err := os.Rename(r.path, numbered(r.path, r.next)); err != nil {
		return err
	}
	r.next++
	if err := f.open(); err != nil {
		return err
	}
	r.turned()
	r.keeper.wake()
	return nil
}

func (r *rotation) taken(n int) bool {
	_, plain := os.Lstat(numbered(r.path, n))
	_, packed := os.Lstat(numbered(r.path, n) + gzipped)
	return plain == nil || packed == nil
}

func (r *rotation) close() { r.keeper.close() }

const gzipped = ".gz"

func numbered(path string, n int) string { return path + "." + strconv.Itoa(n) }

// An oldFile is a file that was rotated away.
type oldFile struct {
	path   string
	number int
	packed bool
}

// history returns the old files of the log at path, newest first.
func history(path string) ([]oldFile, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var old []oldFile
	for _, e := range entries {
		if n, packed, ok := numberOf(e.Name(), filepath.Base(path)); ok && e.Type().IsRegular() {
			old = append(old, oldFile{filepath.Join(filepath.Dir(path), e.Name()), n, packed})
		}
	}
	sortNewestFirst(old)
	return old, nil
}

// numberOf reads "prefix.12" and "prefix.12.gz"; names that only look like it belong to somebody else.
func numberOf(name, prefix string) (n int, packed, ok bool) {
	digits, ok := strings.CutPrefix(name, prefix+".")
	if !ok {
		return 0, false, false
	}
	digits, packed = strings.CutSuffix(digits, gzipped)
	n, err := strconv.Atoi(digits)
	return n, packed, err == nil && n > 0 && strconv.Itoa(n) == digits
}
