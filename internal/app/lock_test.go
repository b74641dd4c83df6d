package app

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "posthoorn.pid")
	if err := os.WriteFile(path, []byte("4711 left over by somebody\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	first, err := takeLock(path)
	if err != nil {
		t.Fatalf("a file that is left over blocks the start: %v", err)
	}
	text, _ := os.ReadFile(path)
	if want := strconv.Itoa(os.Getpid()) + "\n"; string(text) != want {
		t.Errorf("holds %q, want %q", text, want)
	}
	_, err = takeLock(path)
	if err == nil || !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) {
		t.Errorf("a second instance: %v", err)
	}
	first.release()
	again, err := takeLock(path)
	if err != nil {
		t.Fatal(err)
	}
	again.release()
}

func TestLockIsNotFollowed(t *testing.T) {
	dir := t.TempDir()
	victim, link := filepath.Join(dir, "victim"), filepath.Join(dir, "posthoorn.pid")
	if err := os.WriteFile(victim, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, link); err != nil {
		t.Fatal(err)
	}
	if _, err := takeLock(link); err == nil {
		t.Error("a symbolic link is followed")
	}
	if text, _ := os.ReadFile(victim); string(text) != "precious" {
		t.Errorf("the victim holds %q", text)
	}
}
