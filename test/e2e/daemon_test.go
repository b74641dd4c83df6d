package e2e

import (
	"bytes"
	"context"
	"os"
	"strings"
	"syscall"
	"testing"

	"posthoorn/internal/app"
	"posthoorn/internal/app/config"
)

// The program runs until it is told to end; then it ends well, and what it took is settled.
func TestDaemonEndsWell(t *testing.T) {
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		r.stop()
		ctx, end := context.WithCancel(t.Context())
		reload := make(chan os.Signal, 1)
		complaints := new(bytes.Buffer)
		code := make(chan int)
		go func() {
			code <- app.Run(ctx, app.Program{Args: []string{"--config-file", r.file}, Name: "posthoorn", Version: "test", Stdout: complaints, Stderr: complaints, Reload: reload})
		}()
		r.dialogue("EHLO client.test", "250", "MAIL FROM:<>", "250", "RCPT TO:<you@daemon.test>", "250", "DATA", "354", "Subject: x\r\n\r\nx\r\n.", "250")
		r.succeed(1)
		reload <- syscall.SIGHUP
		end()
		if got := <-code; got != config.ExitOK {
			t.Errorf("exit %d: %s", got, complaints)
		}
	})
}

// Two daemons never share a state directory.
func TestSecondDaemonIsRefused(t *testing.T) {
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		code, _, complaint := r.try("")
		if code != config.ExitConfig || !strings.Contains(complaint, "another instance") {
			t.Errorf("exit %d: %s", code, complaint)
		}
		r.publish(`{"recipient":"you@second.test","mime":"x"}`) // the first one is as it was
		r.succeed(1)
	})
}

// A configuration that is wrong stops the start, with the place and the reason.
func TestWrongConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	onEmbedded(t, setup{}, func(t *testing.T, r *rig) {
		r.stop()
		r.file = r.write("wrong.txt", map[string]string{"state-directory": r.dir, "smtp-port": "none", "max-attempts": "-1"})
		for _, args := range [][]string{nil, {"--check-config"}, {"queue", "list"}} {
			code, _, complaint := r.try("", args...)
			if code != config.ExitConfig || !strings.Contains(complaint, "smtp-port") || !strings.Contains(complaint, "max-attempts") || !strings.Contains(complaint, "wrong.txt:1") {
				t.Errorf("%v: exit %d: %s", args, code, complaint)
			}
		}
	})
}
