// Package spool takes mail out of a directory: each file is one MIME message (operations.md section 3). It also has what the
// command line needs: [ReadMessage] for standard input, and [Drop], which puts a message into the directory of a daemon that
// does not answer (section 2).
//
// What it promises: a file is removed only after the broker has confirmed its message for every recipient, and only if the file
// is still the one that was read; a kill between the two brings the message once more, never not at all. A file that is being
// written is left alone: it is taken when it is closed or moved in, or, where nobody tells, when it has stood still for a
// second. Names that start with a dot, folders, links of both kinds and all that is no regular file are never opened. Bad files
// go to the fail directory, or stay and are not tried again before they change. While mail cannot be taken, files stay where
// they are. One process at a time has the directory, by a lock on the file .posthoorn.lock in it.
//
// Memory does not grow with the number of files, but for those that have to be remembered (Remove is off, or bad files without
// a fail directory): 16 bytes and some for each.
//
// It keeps no RFC. Run starts one goroutine that listens to the kernel and OpenFiles that read; they end with it.
package spool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"posthoorn/internal/inject"
)

// Door is where messages go; *inject.Door is one.
type Door interface {
	Accept(ctx context.Context, s inject.Submission) ([]string, error)
}

// Options of a Spool. Directory and Door are needed.
type Options struct {
	Directory     string
	FailDirectory string        // where bad files go; empty: they stay
	Delay         time.Duration // how long a file waits before it is taken
	Keep          bool          // files stay after their messages were published (spool-remove is false)
	Extract       bool          // x-mq-* headers are read and stripped
	OpenFiles     int           // files in hand at a time; 0: 10
	Threads       int           // of them read at a time; 0: 1
	MaxSize       int64         // bytes of a file; 0: 256 MiB
	Door          Door
	Grace         time.Duration // how long files in hand may take when Run is to end; 0: ten seconds
	Log           *slog.Logger  // nil: slog.Default
	Registerer    prometheus.Registerer
}

// ErrInUse: another process, or another Spool, has the directory.
var ErrInUse = errors.New("the spool directory is in use by another instance")

// Spool watches one directory.
type Spool struct {
	o       Options
	dir     *folder
	fail    *folder // nil: none
	metrics *metrics
	owners  owners
	rhythm  rhythm
}

// rhythm is how often things are looked at.
type rhythm struct {
	still  time.Duration // a file has stood still
	empty  time.Duration // an empty file is no longer waited for
	rescan time.Duration // with word from the kernel
	poll   time.Duration // without
	first  time.Duration // wait after a refusal; it doubles
	most   time.Duration
}

func usual() rhythm {
	return rhythm{still: time.Second, empty: time.Minute, rescan: time.Minute, poll: time.Second, first: time.Second, most: 5 * time.Minute}
}

// New opens the directories, which must be there, and locks the one that is watched: ErrInUse when somebody has it. It is
// called after the change of user.
func New(o Options) (*Spool, error) {
	o.defaults()
	dir, err := openFolder(o.Directory)
	if err != nil {
		return nil, fmt.Errorf("spool-directory: %w", err)
	}
	if err := dir.takeLock(); err != nil {
		dir.close()
		return nil, fmt.Errorf("spool-directory %s: %w", o.Directory, err)
	}
	s := &Spool{o: o, dir: dir, metrics: newMetrics(o.Registerer), rhythm: usual()}
	if o.FailDirectory != "" {
		if s.fail, err = openFolder(o.FailDirectory); err != nil {
			dir.close()
			return nil, fmt.Errorf("spool-fail-directory: %w", err)
		}
	}
	return s, nil
}

func (o *Options) defaults() {
	if o.OpenFiles <= 0 {
		o.OpenFiles = 10
	}
	if o.Threads <= 0 {
		o.Threads = 1
	}
	if o.MaxSize <= 0 {
		o.MaxSize = 256 << 20
	}
	if o.Grace <= 0 {
		o.Grace = 10 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
}

// Close gives the directory back. It is called after Run has returned, or instead of Run.
func (s *Spool) Close() error {
	err := s.dir.close()
	if s.fail != nil {
		err = errors.Join(err, s.fail.close())
	}
	return err
}
