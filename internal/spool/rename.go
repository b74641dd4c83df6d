package spool

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// lookAndRename is for file systems and kernels that cannot do both in one.
func (d *folder) lookAndRename(name string, to *folder, as string) error {
	if _, err := to.look(as); err == nil {
		return d.failed("rename", name, fs.ErrExist)
	}
	return d.failed("rename", name, unix.Renameat(d.fd(), name, to.fd(), as))
}
