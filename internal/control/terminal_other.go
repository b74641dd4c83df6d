//go:build !linux

package control

import "os"

// isTerminal: a device that is none has no answer, which is a no.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
