package spool

import (
	"errors"

	"golang.org/x/sys/unix"
)

// renameFree renames a file and replaces nothing: fs.ErrExist when the new name is taken.
func (d *folder) renameFree(name string, to *folder, as string) error {
	err := unix.Renameat2(d.fd(), name, to.fd(), as, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // the file system does not know the flag
		return d.lookAndRename(name, to, as)
	}
	return d.failed("rename", name, err)
}
