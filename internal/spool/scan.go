package spool

import (
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// scan goes through the names of a directory, some at a time.
type scan struct {
	f     *os.File
	names []string
	began time.Time
}

// scanChunk is how many names are in memory.
const scanChunk = 1024

func (d *folder) scan() (*scan, error) {
	f, err := d.open(".", os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	return &scan{f: f, began: time.Now()}, nil
}

// next is the next name; io.EOF after the last.
func (s *scan) next() (string, error) {
	for len(s.names) == 0 {
		names, err := s.f.Readdirnames(scanChunk)
		if err != nil {
			return "", err
		}
		s.names = names
	}
	name := s.names[0]
	s.names = s.names[1:]
	return name, nil
}

func (s *scan) close() { _ = s.f.Close() }

// recoverAll deals with what an earlier process left between publishing and removal.
func (s *Spool) recoverAll() error {
	scan, err := s.dir.scan()
	if err != nil {
		return err
	}
	defer scan.close()
	for {
		name, err := scan.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if strings.HasPrefix(name, donePrefix) {
			if err := s.dir.recoverDone(name); err != nil {
				s.o.Log.Error("spool: the rest of an earlier removal stays", "directory", s.o.Directory, "file", name, "error", err)
			}
		}
	}
}
