package dir

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// grace is how long a file lives whose writer did not say when it expires, so that its time is that of writing.
	grace = 24 * time.Hour
	// abandoned is when a file that is being written is nobody's any more, and a folder is not about to be used.
	abandoned = time.Hour
	// atOnce is how many names of a folder are in memory.
	atOnce = 256
)

func (f *folder) Sweep(ctx context.Context, now time.Time) (int, error) {
	s := sweep{folder: f, now: now}
	err := s.walk(ctx, ".", 0)
	return s.removed, err
}

type sweep struct {
	*folder
	now     time.Time
	removed int
}

// walk goes through a folder. What it cannot read, or not remove, does not keep it from the rest; the first such error is returned.
func (s *sweep) walk(ctx context.Context, folders string, level int) error {
	d, err := s.root.Open(folders)
	if err != nil {
		return ignoreAbsent(err)
	}
	defer func() { _ = d.Close() }()
	var first error
	for {
		entries, err := d.ReadDir(atOnce)
		for _, entry := range entries {
			if err := s.visit(ctx, folders, entry, level); err != nil && first == nil {
				first = err
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		if errors.Is(err, io.EOF) {
			return first
		}
		if err != nil {
			return err
		}
	}
}

func (s *sweep) visit(ctx context.Context, folders string, entry os.DirEntry, level int) error {
	path := filepath.Join(folders, entry.Name())
	switch {
	case level < s.depth && entry.IsDir() && isFolder(entry.Name()):
		return errors.Join(s.walk(ctx, path, level+1), s.tidy(path))
	case level == s.depth && entry.Type().IsRegular() && s.ours(strings.TrimPrefix(folders, "."), entry.Name()):
		return s.file(path, entry)
	}
	return nil
}

// tidy removes a folder in which nothing has come or gone for a while, so that no Put is about to use it, if it is empty, which the
// system knows.
func (s *sweep) tidy(path string) error {
	info, err := s.root.Lstat(path)
	if err != nil {
		return ignoreAbsent(err)
	}
	if s.now.Sub(info.ModTime()) > abandoned {
		_ = s.root.Remove(path)
	}
	return nil
}

func isFolder(name string) bool {
	return len(name) == 2 && strings.Trim(name, "0123456789abcdef") == ""
}

func (s *sweep) file(path string, entry os.DirEntry) error {
	info, err := s.root.Lstat(path)
	if err != nil {
		return ignoreAbsent(err)
	}
	if s.now.Before(end(info)) {
		return nil
	}
	if err := s.root.Remove(path); err != nil {
		return ignoreAbsent(err)
	}
	s.removed++
	return nil
}

// end is when a file goes.
func end(info os.FileInfo) time.Time {
	changed := changed(info)
	switch {
	case isTemporary(info.Name()):
		return changed.Add(abandoned)
	case !info.ModTime().After(changed):
		return changed.Add(grace)
	}
	return info.ModTime()
}

func ignoreAbsent(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
