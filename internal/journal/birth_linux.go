package journal

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// birth is when a file was made; where the file system does not know, when it was last written.
func birth(f *os.File, info os.FileInfo) time.Time {
	var st unix.Statx_t
	err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_BTIME, &st)
	if err != nil || st.Mask&unix.STATX_BTIME == 0 {
		return info.ModTime()
	}
	return time.Unix(st.Btime.Sec, int64(st.Btime.Nsec))
}
