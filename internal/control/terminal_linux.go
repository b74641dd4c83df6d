package control

import (
	"os"

	"golang.org/x/sys/unix"
)

// isTerminal tells a terminal from other devices, such as /dev/null.
func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
