package journal

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"slices"
)

// A keeper compresses and deletes the old files of a log, in a goroutine of its own, since that takes
// longer than a writer may stand still.
type keeper struct {
	path    string
	keep    int
	gzip    bool
	wakes   chan struct{}
	ctx     context.Context
	cancel  context.CancelFunc
	done    chan struct{}
	log     *slog.Logger
	failing bool
}

// startKeeper begins with what an earlier run may have left.
func startKeeper(o File, log *slog.Logger) *keeper {
	k := &keeper{
		path: o.Path, keep: o.History, gzip: o.Gzip, log: log,
		wakes: make(chan struct{}, 1), done: make(chan struct{}),
	}
	k.ctx, k.cancel = context.WithCancel(context.Background())
	k.wake()
	go k.run()
	return k
}

func (k *keeper) wake() {
	select {
	case k.wakes <- struct{}{}:
	default: // it will see everything that is there
	}
}

// close breaks off what it does; the next start goes on with it.
func (k *keeper) close() {
	k.cancel()
	<-k.done
}

func (k *keeper) run() {
	defer close(k.done)
	for {
		select {
		case <-k.wakes:
			k.report(k.tidy())
		case <-k.ctx.Done():
			return
		}
	}
}

func (k *keeper) report(err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	if err != nil && !k.failing {
		k.log.Error("cannot look after old logs", "error", err)
	}
	k.failing = err != nil
}

// tidy keeps the files with the highest numbers and compresses them.
func (k *keeper) tidy() error {
	old, err := history(k.path)
	if err != nil {
		return err
	}
	errs := []error{removeIfThere(k.path + temporary)}
	seen, last := 0, 0
	for _, f := range old {
		double := f.number == last && !f.packed // both forms: it was compressed, and then we stopped
		if !double {
			seen++
		}
		last = f.number
		switch {
		case double || seen > k.keep:
			errs = append(errs, os.Remove(f.path))
		case k.gzip && !f.packed:
			errs = append(errs, k.compress(f.path))
		}
	}
	return errors.Join(errs...)
}

func sortNewestFirst(old []oldFile) {
	slices.SortFunc(old, func(a, b oldFile) int {
		if a.number == b.number && a.packed != b.packed {
			if a.packed {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.number, a.number)
	})
}

// temporary is the end of the name of a file that is being compressed. There is one at a time.
const temporary = ".gz.tmp"

// compress puts a compressed file into the place of a file, whole or not at all.
func (k *keeper) compress(path string) error {
	if err := k.pack(path, k.path+temporary); err != nil {
		return errors.Join(err, removeIfThere(k.path+temporary))
	}
	if err := os.Rename(k.path+temporary, path+gzipped); err != nil {
		return err
	}
	return os.Remove(path)
}

func (k *keeper) pack(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := packMembers(out, &cancellable{k.ctx, in}, memberText); err != nil {
		return err
	}
	return errors.Join(out.Sync(), out.Close())
}

// cancellable is a reader that fails once its context is over.
type cancellable struct {
	ctx context.Context
	r   io.Reader
}

func (c *cancellable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
