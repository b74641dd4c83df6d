package main

import (
	"fmt"
	"os"
	"slices"
	"testing"
)

// host lets this program use what is made for tests: it is a testing.TB whose end is the end of the program.
type host struct {
	testing.TB // nil: what is not below is not called
	cleanups   []func()
}

// Helper marks nothing.
func (h *host) Helper() {}

// Cleanup keeps f for the end.
func (h *host) Cleanup(f func()) { h.cleanups = append(h.cleanups, f) }

// Fatal ends the program.
func (h *host) Fatal(args ...any) {
	fmt.Fprintln(os.Stderr, args...)
	h.clean()
	os.Exit(69)
}

// Fatalf ends the program.
func (h *host) Fatalf(format string, args ...any) { h.Fatal(fmt.Sprintf(format, args...)) }

// Logf prints.
func (h *host) Logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// TempDir is removed at the end. Everybody may look into it: Postfix works for another user.
func (h *host) TempDir() string {
	dir, err := os.MkdirTemp("", "posthoorn-bench-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (h *host) clean() {
	cleanups := h.cleanups
	h.cleanups = nil
	for _, f := range slices.Backward(cleanups) {
		f()
	}
}
