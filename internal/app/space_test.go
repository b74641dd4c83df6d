package app

import (
	"path/filepath"
	"strings"
	"testing"

	"posthoorn/internal/app/config"
)

func TestSpace(t *testing.T) {
	dir := t.TempDir()
	free, total, err := volume(filepath.Join(dir, "not", "there", "yet"))
	if err != nil || free <= 0 || total < free {
		t.Fatalf("free %d of %d: %v", free, total, err)
	}
	if err := newSpace(config.MinFree{Bytes: 1}, dir, "").Room(); err != nil {
		t.Errorf("no room for a byte: %v", err)
	}
	err = newSpace(config.MinFree{Bytes: total + 1}, dir).Room()
	if err == nil || !strings.Contains(err.Error(), "local-min-free") || !strings.Contains(err.Error(), dir) {
		t.Errorf("more wanted than there is: %v", err)
	}
}
