package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"posthoorn/internal/app"
	"posthoorn/internal/sink"
)

// daemonFile is the variable that makes the program of the tests a daemon of this configuration, which can be killed.
const daemonFile = "POSTHOORN_E2E_DAEMON"

// becomeDaemon runs until it is killed, if the environment wants a daemon.
func becomeDaemon() {
	if file := os.Getenv(daemonFile); file != "" {
		os.Exit(app.Run(context.Background(), app.Program{
			Args: []string{"--config-file", file}, Name: "posthoorn", Version: "test", Stdout: os.Stdout, Stderr: os.Stderr,
		}))
	}
}

// killable starts a daemon in a process of its own in place of that of the rig. The result kills it.
func (r *rig) killable() (kill func()) {
	r.t.Helper()
	r.stop()
	self, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), daemonFile+"="+r.server)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // also when the test runs out of time
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.child = cmd.Process.Pid
	kill = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	r.t.Cleanup(kill)
	eventually(r.t, "the daemon answers", func() bool {
		code, _, _ := r.try("", "backlog")
		return code == 0
	})
	return kill
}

// What waits in a pause is found again after a kill and after a stop, and is delivered once when the pause ends.
func TestKillWithPausedMail(t *testing.T) {
	const n = 100
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		kill := r.killable()
		r.command("", "pause")
		var lines []string
		for i := range n {
			lines = append(lines, fmt.Sprintf(`{"id":%d,"recipient":"%d@load%d.test","mime":"Subject: %d\r\n\r\nbody\r\n"}`, i, i, i%5, i))
		}
		r.publish("%s", strings.Join(lines, "\n"))
		r.queuesEmpty("outbox")
		kill()
		r.start()
		r.tells("backlog", "load0.test", "load4.test", "the end of a pause: everything")
		r.stop()
		r.start()
		r.tells("backlog", "load0.test", "load4.test", "the end of a pause: everything")
		r.empty("results")
		began := time.Now()
		r.command("", "resume")
		r.everyone("results", n)
		t.Logf("%d messages %v after the resume", n, time.Since(began))
		r.everyone("success", n)
		r.once(n)
		r.queuesEmpty("outbox")
		r.empty("retry", "failure")
	})
}

// A kill while thousands of messages are put aside, and others are sent: each waits once, and what was in hand is not lost.
func TestKillWhileParking(t *testing.T) {
	const held, sent = 2000, 200
	onBoth(t, setup{sink: sink.Options{Latency: 10 * time.Millisecond}}, func(t *testing.T, r *rig) {
		kill := r.killable()
		r.command("", "pause", "held.test")
		var lines []string
		for i := range held + sent {
			domain := "held.test"
			if i%(held/sent+1) == 0 {
				domain = "sent.test"
			}
			lines = append(lines, fmt.Sprintf(`{"id":%d,"recipient":"%d@%s","mime":"Subject: %d\r\n\r\nbody\r\n"}`, i, i, domain, i))
		}
		r.publish("%s", strings.Join(lines, "\n"))
		eventually(t, "some are sent", func() bool { return len(r.accepted()) > 0 })
		left := ""
		if r.broker == "" { // only the daemon can tell
			left, _ = r.inQueue("outbox")
		}
		kill()
		if r.broker != "" {
			left, _ = r.inQueue("outbox")
		}
		t.Logf("killed with %s in the outbox, %d sent", left, len(r.accepted())) // on a busy machine it may come late, and says less
		r.start()
		r.everyone("results", sent)
		r.queuesEmpty("outbox")
		for to := range r.accepted() {
			if strings.HasSuffix(to, "@held.test") {
				t.Errorf("%s was sent in the pause", to)
			}
		}
		r.command("", "resume", "held.test")
		r.everyone("results", held)
		r.everyone("success", held+sent)
		for to, times := range r.accepted() {
			if times != 1 && strings.HasSuffix(to, "@held.test") {
				t.Errorf("%s was accepted %d times", to, times)
			}
		}
		if n := len(r.accepted()); n != held+sent {
			t.Errorf("%d of %d messages at the receiver", n, held+sent)
		}
		r.queuesEmpty("outbox")
		r.empty("retry", "failure")
	})
}
