//go:build !linux

package spool

// renameFree renames a file and replaces nothing: fs.ErrExist when the new name is taken.
func (d *folder) renameFree(name string, to *folder, as string) error {
	return d.lookAndRename(name, to, as)
}
