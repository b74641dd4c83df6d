package journal

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

const (
	fileMode = 0o640
	dirMode  = 0o750
)

// A file is the current file of a log. It belongs to one writer.
type file struct {
	path  string
	f     *os.File    // nil: the last attempt to open it failed
	info  os.FileInfo // of f when it was opened
	size  int64
	born  time.Time
	turns *rotation // nil: somebody else rotates
}

// openFile opens a log. turned is called at every rotation; log hears what goes wrong with old files.
func openFile(o File, turned func(), log *slog.Logger) (*file, error) {
	f := &file{path: o.Path}
	if err := f.open(); err != nil {
		return nil, err
	}
	if err := f.endLine(); err != nil {
		f.close()
		return nil, err
	}
	if o.Rotate {
		turns, err := newRotation(o, turned, log)
		if err != nil {
			f.close()
			return nil, err
		}
		f.turns = turns
	}
	return f, nil
}

// open opens the path and only then closes what was open before. A missing directory is made.
func (f *file) open() error {
	if err := os.MkdirAll(filepath.Dir(f.path), dirMode); err != nil {
		return err
	}
	next, err := os.OpenFile(f.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, fileMode)
	if err != nil {
		return err
	}
	info, err := next.Stat()
	if err == nil && info.IsDir() {
		err = errors.New(f.path + " is a directory")
	}
	if err != nil {
		next.Close()
		return err
	}
	if f.f != nil {
		f.f.Close()
	}
	f.f, f.info, f.size = next, info, info.Size()
	f.born = birth(next, info)
	if now := time.Now(); f.size == 0 || f.born.After(now) {
		f.born = now
	}
	return nil
}

// endLine ends a line that an earlier run could not write whole.
func (f *file) endLine() error {
	if f.size == 0 || !f.info.Mode().IsRegular() {
		return nil
	}
	in, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer in.Close()
	var last [1]byte
	if _, err := in.ReadAt(last[:], f.size-1); err != nil || last[0] == '\n' {
		return err
	}
	f.size++
	_, err = io.WriteString(f.f, "\n")
	return err
}

// current opens the path again if the file is not there any more or if it is another one.
func (f *file) current() error {
	if f.f == nil {
		return f.open()
	}
	info, err := os.Stat(f.path)
	if err == nil && os.SameFile(info, f.info) {
		return nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil // we cannot see it, but we can write
	}
	return f.open()
}

func (f *file) write(lines []byte) (int, error) {
	if err := f.current(); err != nil && f.f == nil {
		return 0, err
	} // a file that was moved away is still better than none; tick tells of the error
	written := 0
	for written < len(lines) {
		part := lines[written:]
		if f.turns != nil {
			part = f.turns.fitting(f, part)
		}
		if f.size == 0 {
			f.born = time.Now() // an empty file does not age
		}
		n, err := wholeLines(f.f, part)
		f.size += int64(n)
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// wholeLines writes lines. If only a part goes out, what there is of a line that was broken off is
// taken back, so that the next line does not continue it.
func wholeLines(w *os.File, lines []byte) (int, error) {
	n, err := w.Write(lines)
	if err == nil {
		return n, nil
	}
	whole := bytes.LastIndexByte(lines[:n], '\n') + 1
	if whole < n {
		err = errors.Join(err, takeBack(w, int64(n-whole)))
	}
	return whole, err
}

func takeBack(w *os.File, n int64) error {
	info, err := w.Stat()
	if err == nil && info.Mode().IsRegular() {
		err = w.Truncate(max(info.Size()-n, 0))
	} else if err == nil {
		_, err = io.WriteString(w, "\n")
	}
	return err
}

// tick opens a file again that was moved away, and rotates one that is old.
func (f *file) tick() error {
	if err := f.current(); err != nil {
		return err
	}
	if f.turns == nil {
		return nil
	}
	return f.turns.inTime(f)
}

func (f *file) reopen() error { return f.open() }

func (f *file) close() {
	if f.turns != nil {
		f.turns.close()
	}
	if f.f != nil {
		f.f.Close()
	}
}
