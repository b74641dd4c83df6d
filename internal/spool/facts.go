package spool

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// facts is what a file is.
type facts struct {
	dev, ino     uint64
	size         int64
	mtime, ctime time.Time
	mode         uint32
	links        uint64
	uid          uint32
}

func newFacts(st *unix.Stat_t) facts {
	return facts{
		dev: uint64(st.Dev), ino: st.Ino, size: st.Size,
		mtime: time.Unix(st.Mtim.Unix()), ctime: time.Unix(st.Ctim.Unix()),
		mode: uint32(st.Mode), links: uint64(st.Nlink), uid: st.Uid,
	}
}

func factsOf(f *os.File) (facts, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return facts{}, &os.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	return newFacts(&st), nil
}

// plain says that it is a regular file with one name.
func (f *facts) plain() bool { return f.mode&unix.S_IFMT == unix.S_IFREG && f.links == 1 }

// same says that it is the same file with the same content; its name, owner and mode may have changed.
func (f *facts) same(g *facts) bool {
	return f.dev == g.dev && f.ino == g.ino && f.size == g.size && f.mtime.Equal(g.mtime)
}
