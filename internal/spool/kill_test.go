package spool

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Killed at any moment, a spool loses nothing, and what comes twice is no more than what was in hand.
func TestKilledAgainAndAgain(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 1))
	dir, record := t.TempDir(), filepath.Join(t.TempDir(), "record")
	const kills, files = 8, 2000
	for i := range files {
		put(t, dir, fmt.Sprint("f", i), letter)
	}
	lines := func() int {
		text, _ := os.ReadFile(record)
		return bytes.Count(text, []byte{'\n'})
	}
	for range kills {
		goal := lines() + 1 + chance.IntN(files/kills/2)
		kill := startVictim(t, dir, record)
		until(t, "some progress", func() bool { return lines() >= goal })
		kill()
	}
	kill := startVictim(t, dir, record)
	until(t, "an empty directory", func() bool {
		names, err := os.ReadDir(dir)
		return err == nil && len(names) == 1
	})
	kill()
	text, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, name := range strings.Fields(string(text)) {
		seen[name]++
	}
	if len(seen) != files {
		t.Errorf("%d of %d messages came through", len(seen), files)
	}
	if doubles := lines() - files; doubles > kills*4 {
		t.Errorf("%d came twice", doubles)
	}
}

func startVictim(t *testing.T, dir, record string) (kill func()) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "POSTHOORN_TEST_SPOOL="+dir, "POSTHOORN_TEST_RECORD="+record)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	}
}
