package spool

import (
	"context"
	"errors"
	"io/fs"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"posthoorn/internal/inject"
	"posthoorn/internal/mail"
)

// verdict is what became of a file.
type verdict uint8

const (
	isDone    verdict = iota // published; if it is still there it is remembered
	isBad                    // will not do as it is; remembered if it is still there
	isRefused                // not now
	isUnsure                 // it changed while it was read
	isGone                   // not there any more, or not for us
)

// task is a file on its way through.
type task struct {
	name  string
	tries int // refusals so far
	whole bool
	again bool // something happened to the name meanwhile

	verdict verdict
	left    bool // it is still there
	file    facts
}

// worker deals with one file after the other.
func (s *Spool) worker(ctx context.Context, reading chan struct{}, work <-chan *task, done chan<- *task) {
	for t := range work {
		s.metrics.inHand.Inc()
		s.process(ctx, reading, t)
		s.metrics.inHand.Dec()
		done <- t
	}
}

func (s *Spool) process(ctx context.Context, reading chan struct{}, t *task) {
	reading <- struct{}{}
	text, before, after, err := s.dir.read(t.name, s.o.MaxSize)
	<-reading
	t.file = before
	if err == nil && (!before.same(&after) || int64(len(text)) != before.size) {
		t.verdict = isUnsure
		return
	}
	if err == nil {
		err = s.publish(ctx, t, text)
	}
	switch t.verdict = judge(err); t.verdict {
	case isDone:
		s.published(t)
	case isBad:
		s.bad(t, err)
	case isRefused:
		s.refused(t, err)
	}
}

// errPanic: a message made the program fail. It may have gone through all the same, so the file is not tried again.
var errPanic = &mail.Error{Code: 554, Status: "5.3.0", Text: "Message made the program fail"}

// publish hands a message over. A panic fails its file and no other.
func (s *Spool) publish(ctx context.Context, t *task, text []byte) (err error) {
	defer func() {
		if v := recover(); v != nil {
			s.o.Log.Error("spool: the program failed at a message",
				"directory", s.o.Directory, "file", t.name, "error", v, "stack", string(debug.Stack()))
			err = errPanic
		}
	}()
	_, err = s.o.Door.Accept(ctx, inject.Submission{
		HeaderRecipients: true,
		Source:           text,
		Extract:          s.o.Extract,
		Origin:           &inject.Spool{Directory: s.o.Directory, File: t.name, User: s.owners.name(t.file.uid), Size: t.file.size},
		Received:         time.Now(),
	})
	return err
}

// judge: only what is surely the file's own fault is bad.
func judge(err error) verdict {
	var refusal *mail.Error
	switch {
	case err == nil:
		return isDone
	case errors.As(err, &refusal) && !refusal.Temporary(), errors.Is(err, fs.ErrPermission):
		return isBad
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errNotPlain), errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENXIO):
		return isGone
	}
	return isRefused
}

func (s *Spool) published(t *task) {
	s.metrics.files.WithLabelValues(published).Inc()
	if s.o.Keep {
		t.left = true
		return
	}
	if err := s.dir.remove(t.name, &t.file); err != nil {
		t.left = true
		s.metrics.doubles.Inc()
		s.o.Log.Error("spool: the message was published but the file cannot be removed; it would be published again after a restart",
			"directory", s.o.Directory, "file", t.name, "error", err)
	}
}

func (s *Spool) bad(t *task, reason error) {
	s.metrics.files.WithLabelValues(invalid).Inc()
	log := s.o.Log.With("directory", s.o.Directory, "file", t.name, "reason", reason.Error())
	if now, err := s.dir.look(t.name); err == nil && t.file.ino == 0 {
		t.file = now // it could not even be opened
	}
	if s.fail == nil {
		t.left = true
		log.Error("spool: a file is bad and stays until it changes")
		return
	}
	as, err := s.dir.moveAway(t.name, &t.file, s.fail)
	switch {
	case err == nil:
		log.Error("spool: a file is bad and was moved to the fail directory", "as", as)
	case errors.Is(err, fs.ErrNotExist):
		t.verdict = isUnsure
	default:
		t.left = true
		log.Error("spool: a file is bad and cannot be moved to the fail directory; it stays until it changes", "error", err)
	}
}

func (s *Spool) refused(t *task, err error) {
	s.metrics.files.WithLabelValues(refused).Inc()
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) { // it may have gone through all the same
		s.metrics.doubles.Inc()
	}
	s.o.Log.Warn("spool: a message is not taken now, the file stays and is tried again",
		"directory", s.o.Directory, "file", t.name, "tries", t.tries+1, "error", err)
}
