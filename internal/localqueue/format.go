package localqueue

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// newestFormat is the layout of keys and values that this version writes. A change
// to it, or to pebbleFormat, raises the number. From 1 to 2 Pebble migrates by itself: the
// bodies of new messages lie in files of their own.
const newestFormat = 2

const formatName = "FORMAT"

// FormatError says that the directory has a format this version cannot read.
type FormatError struct {
	Dir    string
	Have   int // the format of the directory
	Newest int // the newest format known here
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("localqueue: %s has format %d, this version reads up to %d: "+
		"start the newer version again, or empty the directory with it first", e.Dir, e.Have, e.Newest)
}

// Is makes errors.Is(err, ErrNewerFormat) true.
func (e *FormatError) Is(target error) bool { return target == ErrNewerFormat }

// checkFormat reads the format file, or writes it into a fresh directory. It is a file
// of its own because a newer format may be one that this Pebble cannot even open.
func checkFormat(disk vfs.FS, dir string) error {
	name := disk.PathJoin(dir, formatName)
	text, err := readFile(disk, name)
	if errors.Is(err, fs.ErrNotExist) {
		return writeFormat(disk, dir, name)
	}
	if err != nil {
		return fmt.Errorf("localqueue: reading %s: %w", name, err)
	}
	have, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || have < 1 {
		return fmt.Errorf("localqueue: %s does not hold a format number", name)
	}
	if have > newestFormat {
		return &FormatError{Dir: dir, Have: have, Newest: newestFormat}
	}
	if have < newestFormat { // said before anything is written that an older version could not read
		return writeFormat(disk, dir, name)
	}
	return nil
}

func readFile(disk vfs.FS, name string) (string, error) {
	f, err := disk.Open(name)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(f, 64))
	return string(text), errors.Join(err, f.Close())
}

// writeFormat makes the file whole and durable before the first message of this format can be.
func writeFormat(disk vfs.FS, dir, name string) error {
	fresh := name + ".new"
	f, err := disk.Create(fresh, vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("localqueue: writing the format: %w", err)
	}
	_, err = fmt.Fprintf(f, "%d\n", newestFormat)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = disk.Rename(fresh, name)
	}
	if err == nil {
		err = syncDir(disk, dir)
	}
	if err != nil {
		return fmt.Errorf("localqueue: writing the format: %w", err)
	}
	return nil
}

func syncDir(disk vfs.FS, dir string) error {
	d, err := disk.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func lockDirectory(disk vfs.FS, dir string) (*pebble.Lock, error) {
	lock, err := pebble.LockDirectory(dir, disk)
	switch {
	case err == nil:
		return lock, nil
	case errors.Is(err, syscall.EAGAIN),
		strings.Contains(err.Error(), "lock held by current process"): // pebble has no type for it
		return nil, ErrLocked
	}
	return nil, fmt.Errorf("localqueue: locking %s: %w", dir, err)
}
