package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// donePrefix begins the name under which a published file stands for a moment. The rest of it says which file that is.
const donePrefix = ".posthoorn-done-"

func doneName(f *facts) string {
	return fmt.Sprintf("%s%x-%x-%x", donePrefix, f.ino, f.size, f.mtime.UnixNano())
}

// remove removes a published file. Somebody may put another in its place at any moment, so it is first taken away from its
// name, then looked at, and another one is put back.
func (d *folder) remove(name string, was *facts) error {
	hidden := doneName(was)
	if err := unix.Renameat(d.fd(), name, d.fd(), hidden); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return d.failed("remove", name, err)
	}
	now, err := d.look(hidden)
	if err != nil {
		return err
	}
	if !now.same(was) {
		_, err := d.moveFree(hidden, d, name)
		return err
	}
	return d.failed("remove", name, unix.Unlinkat(d.fd(), hidden, 0))
}

// recoverDone deals with what a kill in the middle of remove has left: it is what its name says, or else it is put back.
func (d *folder) recoverDone(hidden string) error {
	now, err := d.look(hidden)
	if err != nil || !now.plain() {
		return err
	}
	if doneName(&now) == hidden {
		return d.failed("remove", hidden, unix.Unlinkat(d.fd(), hidden, 0))
	}
	_, err = d.moveFree(hidden, d, strings.TrimPrefix(hidden, "."))
	return err
}

// maxClash bounds the numbers that are tried for a name.
const maxClash = 10_000

// moveFree moves a file to a name, with a number behind it when the name is taken, and returns that name.
func (d *folder) moveFree(name string, to *folder, as string) (string, error) {
	free := as
	for i := 1; ; i++ {
		err := d.renameFree(name, to, free)
		if !errors.Is(err, fs.ErrExist) || i > maxClash {
			return free, err
		}
		free = as + "." + strconv.Itoa(i)
	}
}

// moveAway moves a bad file, if it is still that one, to the fail directory, which may be on another file system.
func (d *folder) moveAway(name string, was *facts, to *folder) (string, error) {
	now, err := d.look(name)
	if err != nil {
		return "", err
	}
	if !now.same(was) {
		return "", fmt.Errorf("%s has changed: %w", name, fs.ErrNotExist)
	}
	as, err := d.moveFree(name, to, name)
	if !errors.Is(err, unix.EXDEV) {
		return as, err
	}
	if as, err = d.copyAway(name, was, to); err != nil {
		return "", err
	}
	return as, d.remove(name, was)
}

// copyAway makes a whole copy on disk.
func (d *folder) copyAway(name string, was *facts, to *folder) (as string, err error) {
	in, err := d.open(name, os.O_RDONLY, 0)
	if err != nil {
		return "", err
	}
	defer in.Close()
	hidden := doneName(was)
	out, err := to.open(hidden, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Sync(), out.Close()); err == nil {
		as, err = to.moveFree(hidden, to, name)
	}
	if err != nil {
		return "", errors.Join(err, unix.Unlinkat(to.fd(), hidden, 0))
	}
	return as, to.f.Sync()
}
