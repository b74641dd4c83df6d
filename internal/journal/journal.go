// Package journal writes down what happened (logging.md): the send, received, download and www logs as
// lines made by templates, the same events as JSON lines in the binary logs, and the application and
// error log, which is what log/slog writes to.
//
// One event is one line, whatever its values hold. The first four kinds and the binary logs are the
// record: while a slow disk has filled the buffer of a log, the caller waits. Only where writing fails are lines dropped and
// counted, and mail goes on. The application log never makes anybody wait: what does not fit into its buffer is dropped and counted.
// Its lines, and those of the error log, are written at once, all others within 50 ms: so much of them is lost when the process is
// killed.
//
// Lines are formatted in the goroutine of the caller, outside of any lock. Goroutines: one writer per
// file or other output, and one per rotated file that compresses and deletes old ones. [Journal.Close] ends them all.
package journal

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Options say what is logged and where. The zero value logs nothing.
type Options struct {
	Send, Received, Download, WWW Kind

	// Application are the outputs of the application log: "stdout", "stderr", "syslog" and paths.
	Application []string
	// ErrorLog is a path; it gets the warnings and the critical lines of the application log.
	ErrorLog string
	// Level is the lowest that is written to the application log; nil means slog.LevelInfo.
	Level slog.Leveler

	Registerer prometheus.Registerer // nil: the counters are not registered
}

// Kind is one kind of event.
type Kind struct {
	Format string // template of a line (logging.md, section 2); empty: the default
	Text   File   // lines
	Binary File   // JSON lines with the full objects
}

// A File is where a log goes. With Rotate the program itself begins a new one in time; otherwise it
// is opened again as soon as somebody has renamed or removed it.
type File struct {
	Path    string // empty: off
	Rotate  bool
	MaxSize int64         // bytes; 0: 100 MB
	MaxAge  time.Duration // 0: by size only
	History int           // old files to keep
	Gzip    bool          // compress old files
}

// A Journal is safe for concurrent use.
type Journal struct {
	send, received, download, www kind
	app                           *application
	writers                       writers
	closed                        atomic.Bool
}

// Open opens all logs. A log that cannot be opened, or a template that is none, is an error, and
// then nothing stays open.
func Open(o Options) (*Journal, error) {
	j := &Journal{app: &application{level: o.Level}}
	j.writers = writers{byPath: map[string]*writer{}, meters: newMeters(o.Registerer), log: slog.New(j.Handler()).With(SourceKey, "journal")}
	err := j.openApplication(o)
	if err == nil {
		err = j.openKinds(o)
	}
	if err != nil {
		return nil, errors.Join(err, j.Close(context.Background()))
	}
	return j, nil
}

func (j *Journal) openApplication(o Options) error {
	var errs []error
	for _, name := range o.Application {
		w, err := j.writers.output(name, "application")
		errs = append(errs, err)
		j.app.add(w, slog.LevelDebug)
	}
	if o.ErrorLog != "" {
		w, err := j.writers.file(File{Path: o.ErrorLog}, "error")
		errs = append(errs, err)
		j.app.add(w, slog.LevelWarn)
	}
	j.writers.app = len(j.writers.all)
	return errors.Join(errs...)
}

func (j *Journal) openKinds(o Options) error {
	return errors.Join(
		j.send.open(&j.writers, "send", o.Send, defaultSend),
		j.received.open(&j.writers, "received", o.Received, defaultReceived),
		j.download.open(&j.writers, "download", o.Download, defaultDownload),
		j.www.open(&j.writers, "www", o.WWW, defaultWWW),
	)
}

// Reopen closes and opens every file, for a rotating tool that has moved them. A file that cannot be
// opened stays as it was; that is the error.
func (j *Journal) Reopen(ctx context.Context) error {
	var errs []error
	for _, w := range j.writers.all {
		errs = append(errs, w.reopen(ctx))
	}
	return errors.Join(errs...)
}

// Close writes what is in the buffers and closes the files. Lines that come later are dropped and
// counted. A second call does nothing.
func (j *Journal) Close(ctx context.Context) error {
	if j.closed.Swap(true) {
		return nil
	}
	app, kinds := j.writers.all[:j.writers.app], j.writers.all[j.writers.app:]
	return errors.Join(end(ctx, kinds), end(ctx, app)) // the application log hears how the others end
}

func end(ctx context.Context, writers []*writer) error {
	for _, w := range writers {
		w.stop()
	}
	for _, w := range writers {
		select {
		case <-w.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
