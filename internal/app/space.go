package app

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"posthoorn/internal/app/config"

	"golang.org/x/sys/unix"
)

// space watches the free space of the volumes that mail needs: below the floor the doors answer 452 and consuming stops, long
// before a write fails; what waits goes on being delivered, which makes room.
type space struct {
	floor   config.MinFree
	volumes []watched
	short   atomic.Pointer[string] // why there is no room; nil: there is
}

// watched is a volume: a path on it, empty for none, and what was seen last.
type watched struct {
	path        string
	free, floor atomic.Int64
}

func newSpace(floor config.MinFree, paths ...string) *space {
	s := &space{floor: floor, volumes: make([]watched, len(paths))}
	for i, p := range paths {
		s.volumes[i].path = p
	}
	s.look()
	return s
}

// Room is nil, or says where space is missing.
func (s *space) Room() error {
	if why := s.short.Load(); why != nil {
		return fmt.Errorf("%s", *why)
	}
	return nil
}

// watch looks every second until ctx ends.
func (s *space) watch(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.look()
		}
	}
}

func (s *space) look() {
	var short *string
	for i := range s.volumes {
		if why := s.volumes[i].look(s.floor); why != "" && short == nil {
			short = &why
		}
	}
	s.short.Store(short)
}

// look says why there is no room on a volume; empty: there is.
func (v *watched) look(min config.MinFree) string {
	if v.path == "" {
		return ""
	}
	free, total, err := volume(v.path)
	if err != nil {
		return "" // a volume that cannot be asked is not a full one; writing to it will tell
	}
	floor := min.Floor(total)
	v.free.Store(free)
	v.floor.Store(floor)
	if free >= floor {
		return ""
	}
	return fmt.Sprintf("only %d MB free at %s, local-min-free wants %d MB", free>>20, v.path, floor>>20)
}

// volume asks for the space of the volume that path, or the next directory above it that exists, lies on.
func volume(path string) (free, total int64, err error) {
	for {
		var st unix.Statfs_t
		if err = unix.Statfs(path, &st); err == nil {
			return int64(st.Bavail) * st.Bsize, int64(st.Blocks) * st.Bsize, nil
		}
		up := filepath.Dir(path)
		if up == path {
			return 0, 0, err
		}
		path = up
	}
}
