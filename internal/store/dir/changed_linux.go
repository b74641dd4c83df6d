package dir

import (
	"os"
	"syscall"
	"time"
)

// changed is when a file was written, renamed, or given another time, by the clock of the system.
func changed(info os.FileInfo) time.Time {
	return time.Unix(info.Sys().(*syscall.Stat_t).Ctim.Unix())
}
