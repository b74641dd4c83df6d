package login

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func script(t *testing.T, text string, log *slog.Logger) *Program {
	t.Helper()
	path := filepath.Join(t.TempDir(), "check it")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	p, err := NewProgram(path, log)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProgram(t *testing.T) {
	t.Setenv("SECRET_OF_THE_DAEMON", "x")
	p := script(t, `read -r user; read -r password; read -r more && exit 9
[ $# = 0 ] && [ -z "$SECRET_OF_THE_DAEMON" ] && [ "$(pwd)" = / ] && [ "$user" = 'sh o$(p)' ] && [ "$password" = '"s\ecret;' ]`, quiet)
	if !ask(t, p, "sh o$(p)", `"s\ecret;`) || ask(t, p, "sh o$(p)", "secret") || ask(t, p, "nobody", `"s\ecret;`) {
		t.Error("not the answers of the program")
	}
}

func TestAnswersOfAProgram(t *testing.T) {
	for text, want := range map[string]string{"exit 0": "yes", "exit 1": "no", "exit 255": "no", "exit 75": "error", "kill -9 $$": "error",
		"exec 0<&-; exit 0": "yes", "head -c 10000000 /dev/zero; head -c 10000000 /dev/zero >&2": "yes"} {
		ok, err := script(t, text, quiet).Check(t.Context(), "shop", "secret")
		got := map[bool]string{true: "yes", false: "no"}[ok]
		if err != nil {
			got = "error"
		}
		if got != want || ok && err != nil {
			t.Errorf("%s: %s %v", text, got, err)
		}
	}
}

func TestProgramIsNotRun(t *testing.T) {
	p := script(t, "exit 0", quiet)
	for _, c := range append(wrongForAll, [2]string{"shop\nroot", "secret"}, [2]string{"shop", "secret\r"}, [2]string{"sh\x00op", "secret"}) {
		if ask(t, p, c[0], c[1]) {
			t.Errorf("%q is right", c)
		}
	}
	if _, err := NewProgram("/etc/passwd", quiet); err == nil {
		t.Error("no program")
	}
}

// TestAStuckProgram is killed with what it has started.
func TestAStuckProgram(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	p := script(t, "sleep 1000 & echo $! > "+file+".new; mv "+file+".new "+file+"; wait", quiet)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := p.Check(ctx, "shop", "secret")
		done <- err
	}()
	pid := 0
	for pid == 0 {
		time.Sleep(time.Millisecond)
		text, _ := os.ReadFile(file)
		pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for alive := true; alive; time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		alive = err == nil && !strings.Contains(string(stat), ") Z ") && syscall.Kill(pid, 0) == nil
	}
}

// TestComplaintsOfAProgram are in the log once, short, and without lines of their own.
func TestComplaintsOfAProgram(t *testing.T) {
	var log bytes.Buffer
	p := script(t, `printf 'a\nlevel=ERROR\n' >&2; head -c 100000 /dev/zero | tr '\0' x >&2; exit 1`, slog.New(slog.NewTextHandler(&log, nil)))
	for range 3 {
		if ask(t, p, "shop", "secret") {
			t.Error("yes")
		}
	}
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, `a\nlevel=ERROR\nxxx`) || len(got) > 1000 || strings.Contains(got, "secret") {
		t.Error(got)
	}
}
