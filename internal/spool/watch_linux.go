package spool

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The kernel itself is asked, since fsnotify does not tell when a file is closed after writing.
const interest = unix.IN_CLOSE_WRITE | unix.IN_MOVED_TO | unix.IN_CREATE | unix.IN_MODIFY | unix.IN_DELETE | unix.IN_MOVED_FROM |
	unix.IN_ONLYDIR | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF

// watcher reads events of one directory until it is closed.
type watcher struct {
	f      *os.File
	events chan event
	stop   chan struct{}
	done   chan struct{}
}

// watch starts to listen. By the handle, so that it is the directory that was opened and locked.
func (d *folder) watch() (*watcher, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	path := filepath.Join("/proc/self/fd", strconv.Itoa(d.fd()))
	if _, err := unix.InotifyAddWatch(fd, path, interest); err != nil {
		if _, err = unix.InotifyAddWatch(fd, d.path, interest); err != nil {
			unix.Close(fd)
			return nil, os.NewSyscallError("inotify_add_watch", err)
		}
	}
	w := &watcher{f: os.NewFile(uintptr(fd), "inotify"), events: make(chan event, maxEvents),
		stop: make(chan struct{}), done: make(chan struct{})}
	go w.run()
	return w, nil
}

func (w *watcher) close() {
	close(w.stop)
	w.f.Close()
	<-w.done
}

func (w *watcher) run() {
	defer close(w.done)
	buf := make([]byte, 64<<10)
	for {
		n, err := w.f.Read(buf)
		if err != nil {
			w.tell(event{kind: deaf})
			return
		}
		var last event
		for b := buf[:n]; len(b) >= unix.SizeofInotifyEvent; {
			var e event
			var ok bool
			e, ok, b = parseEvent(b)
			if ok && e != last && !w.tell(e) {
				return
			}
			last = e
		}
	}
}

// tell waits until there is room; false: nobody listens any more.
func (w *watcher) tell(e event) bool {
	select {
	case w.events <- e:
		return true
	case <-w.stop:
		return false
	}
}

// parseEvent takes one event from the buffer: wd, mask, cookie and len as 32-bit numbers, then the name with NULs behind it.
func parseEvent(b []byte) (e event, ok bool, rest []byte) {
	mask := binary.NativeEndian.Uint32(b[unsafe.Offsetof(unix.InotifyEvent{}.Mask):])
	size := int(binary.NativeEndian.Uint32(b[unsafe.Offsetof(unix.InotifyEvent{}.Len):]))
	end := min(unix.SizeofInotifyEvent+size, len(b))
	name, _, _ := bytes.Cut(b[unix.SizeofInotifyEvent:end], []byte{0})
	rest = b[end:]
	switch {
	case mask&unix.IN_Q_OVERFLOW != 0:
		return event{kind: overflow}, true, rest
	case mask&(unix.IN_IGNORED|unix.IN_UNMOUNT|unix.IN_DELETE_SELF|unix.IN_MOVE_SELF) != 0:
		return event{kind: deaf}, true, rest
	case hidden(name) || mask&unix.IN_ISDIR != 0:
		return event{}, false, rest
	}
	e.name = string(name)
	switch {
	case mask&(unix.IN_CLOSE_WRITE|unix.IN_MOVED_TO) != 0:
		e.kind = closed
	case mask&unix.IN_CREATE != 0:
		e.kind = created
	case mask&unix.IN_MODIFY != 0:
		e.kind = modified
	default:
		e.kind = gone
	}
	return e, true, rest
}
