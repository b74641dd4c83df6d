package spool

import (
	"context"
	"errors"
	"sync"
	"time"
)

// errMoved: another directory stands at the path, or none.
var errMoved = errors.New("the spool directory was moved, removed or mounted over")

// Run takes files until ctx ends; then it lets those in hand come to their end for as long as Grace allows. A directory that
// cannot be read, was moved away or mounted over is waited for. Run is called once.
func (s *Spool) Run(ctx context.Context) {
	for {
		err := s.serve(ctx)
		if ctx.Err() != nil {
			return
		}
		s.o.Log.Error("spool: waiting for the directory", "directory", s.o.Directory, "error", err)
		if !s.reopen(ctx) {
			return
		}
	}
}

// reopen waits until the directory can be opened and locked again; false: ctx has ended.
func (s *Spool) reopen(ctx context.Context) bool {
	for {
		d, err := openFolder(s.o.Directory)
		if err == nil {
			if err = d.takeLock(); err == nil {
				_ = s.dir.close()
				s.dir = d
				s.o.Log.Info("spool: the directory is there", "directory", s.o.Directory)
				return true
			}
			_ = d.close()
		}
		select {
		case <-time.After(s.rhythm.poll):
		case <-ctx.Done():
			return false
		}
	}
}

// serve takes files from the directory that is open.
func (s *Spool) serve(ctx context.Context) error {
	w, err := s.dir.watch()
	if err != nil {
		s.o.Log.Warn("spool: the kernel does not tell of new files, the directory is read again and again", "directory", s.o.Directory, "error", err)
	} else {
		defer w.close()
	}
	if err := s.recoverAll(); err != nil {
		return err
	}
	f := newFeeder(s, w)
	defer f.close()
	stop := s.startWorkers(ctx, f)
	defer stop()
	return f.run(ctx)
}

// startWorkers returns what stops them: it waits for the files in hand.
func (s *Spool) startWorkers(ctx context.Context, f *feeder) (stop func()) {
	accepting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	unwatch := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(s.o.Grace):
			cancel()
		case <-accepting.Done():
		}
	})
	reading := make(chan struct{}, s.o.Threads)
	var workers sync.WaitGroup
	for range s.o.OpenFiles {
		workers.Go(func() { s.worker(accepting, reading, f.work, f.done) })
	}
	return func() {
		close(f.work)
		go func() {
			workers.Wait()
			close(f.done)
		}()
		for t := range f.done {
			f.settle(t)
		}
		unwatch()
		cancel()
	}
}
