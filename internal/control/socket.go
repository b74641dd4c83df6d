package control

import (
	"crypto/rand"
	"fmt"
	"io/fs"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// maxPath is what a socket address has room for, less the ending of the name that it is made under.
const maxPath = 107 - len(".abcdefgh")

// listen makes a socket that has its mode and owner before anybody can reach it: it is bound under a name of its own, nobody
// can connect until listen, and only then it takes its place, over what an earlier daemon may have left.
func listen(path string, mode fs.FileMode, uid, gid int) (net.Listener, os.FileInfo, error) {
	if len(path) > maxPath {
		return nil, nil, fmt.Errorf("socket %s: the path is longer than %d bytes", path, maxPath)
	}
	l, err := bind(path, mode, uid, gid)
	if err != nil {
		return nil, nil, fmt.Errorf("socket %s: %w", path, err)
	}
	made, err := os.Lstat(path)
	if err != nil {
		l.Close()
		return nil, nil, fmt.Errorf("socket %s: %w", path, err)
	}
	return l, made, nil
}

func bind(path string, mode fs.FileMode, uid, gid int) (net.Listener, error) {
	if err := replaceable(path); err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), path)
	defer f.Close() // the listener has a copy
	name := path + "." + rand.Text()[:8]
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: name}); err != nil {
		return nil, err
	}
	if err := place(fd, name, path, mode, uid, gid); err != nil {
		os.Remove(name)
		return nil, err
	}
	return net.FileListener(f)
}

// replaceable says no to anything but a socket: a wrong path in the configuration must not destroy a file.
func replaceable(path string) error {
	info, err := os.Lstat(path)
	if err == nil && info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("there is something that is no socket: %w", fs.ErrExist)
	}
	return nil
}

func place(fd int, name, path string, mode fs.FileMode, uid, gid int) error {
	if err := os.Lchown(name, uid, gid); err != nil {
		return err
	}
	if err := os.Chmod(name, mode); err != nil {
		return err
	}
	if err := unix.Listen(fd, 128); err != nil {
		return err
	}
	return os.Rename(name, path)
}
