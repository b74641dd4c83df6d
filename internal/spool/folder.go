package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// lockName is the file that says who has the directory.
const lockName = ".posthoorn.lock"

// folder is an open directory. Names are single components below its handle, and no symbolic link is followed: os.Root would
// follow those that stay inside.
type folder struct {
	path string
	f    *os.File
	lock *os.File
}

func openFolder(path string) (*folder, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	return &folder{path: path, f: f}, nil
}

func (d *folder) close() error {
	err := d.f.Close()
	if d.lock != nil {
		err = errors.Join(err, d.lock.Close())
	}
	return err
}

func (d *folder) fd() int { return int(d.f.Fd()) }

func (d *folder) failed(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: d.path + "/" + name, Err: err}
}

func (d *folder) open(name string, flags int, mode uint32) (*os.File, error) {
	for {
		fd, err := unix.Openat(d.fd(), name, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, mode)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, d.failed("open", name, err)
		}
		return os.NewFile(uintptr(fd), d.path+"/"+name), nil
	}
}

// takeLock locks the directory until close. The lock decides, not the file, so one that is left over is no obstacle.
func (d *folder) takeLock() error {
	f, err := d.open(lockName, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	info, err := factsOf(f)
	if err == nil && !info.plain() {
		err = fmt.Errorf("%s: %w", lockName, errNotPlain)
	}
	if err == nil {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrInUse
		}
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	d.lock = f
	return nil
}

// clock is how far the clock of the file system is ahead of ours: on a network file system it is that of the server.
func (d *folder) clock() time.Duration {
	now := time.Now()
	if _, err := d.lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return 0
	}
	f, err := factsOf(d.lock)
	if err != nil {
		return 0
	}
	return f.ctime.Sub(now)
}

// samePlace says whether the path still leads to this directory.
func (d *folder) samePlace() bool {
	ours, err1 := d.f.Stat()
	now, err2 := os.Stat(d.path)
	return err1 == nil && err2 == nil && os.SameFile(ours, now)
}

// look is what stands under a name; a symbolic link is not followed.
func (d *folder) look(name string) (facts, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(d.fd(), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return facts{}, d.failed("stat", name, err)
	}
	return newFacts(&st), nil
}

// read reads a regular file of at most limit bytes. It gives what the file was before and after.
func (d *folder) read(name string, limit int64) (text []byte, before, after facts, err error) {
	f, err := d.open(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, before, after, err
	}
	defer f.Close()
	if before, err = factsOf(f); err != nil {
		return nil, before, after, err
	}
	switch {
	case !before.plain():
		return nil, before, before, errNotPlain
	case before.size > limit:
		return nil, before, before, errTooBig
	}
	text = make([]byte, before.size)
	n, err := io.ReadFull(f, text)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, before, after, err
	}
	after, err = factsOf(f)
	return text[:n], before, after, err
}

var errNotPlain = errors.New("not a regular file with one name")
