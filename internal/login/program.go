package login

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Program asks a program of this machine, which gets user and password as two lines on its standard input. Exit code 0 is a yes.
// 75 (EX_TEMPFAIL of sysexits.h) says that it cannot tell now; any other is a no. There is no shell between, no argument,
// and nothing in its environment but a PATH.
type Program struct {
	path  string
	log   *slog.Logger
	slots slots

	mu   sync.Mutex
	said time.Time // when its complaints were in the log last
}

const (
	programsAtOnce = 8
	exitLater      = 75
)

// NewProgram fails when there is no such program.
func NewProgram(path string, log *slog.Logger) (*Program, error) {
	if _, err := exec.LookPath(path); err != nil {
		return nil, err
	}
	return &Program{path: path, log: cmp.Or(log, slog.Default()), slots: make(slots, programsAtOnce)}, nil
}

// Check runs the program. It gets the time of a remote server; then it is killed, and what it has started with it.
func (p *Program) Check(ctx context.Context, user, password string) (bool, error) {
	if !usable(user, password) || !printable(user+password) {
		return false, nil
	}
	if err := p.slots.take(ctx); err != nil {
		return false, err
	}
	defer p.slots.giveBack()
	ctx, cancel := context.WithTimeout(ctx, remoteTimeout)
	defer cancel()
	var complaints head
	err := p.command(ctx, user+"\n"+password+"\n", &complaints).Run()
	p.tell(complaints.text)
	var exit *exec.ExitError
	switch {
	case err == nil:
		return true, nil
	case ctx.Err() != nil:
		return false, fmt.Errorf("%s was stopped: %w", p.path, context.Cause(ctx))
	case errors.As(err, &exit) && exit.Exited() && exit.ExitCode() != exitLater:
		return false, nil
	}
	return false, fmt.Errorf("%s: %w", p.path, err)
}

func (p *Program) command(ctx context.Context, input string, complaints *head) *exec.Cmd {
	c := exec.CommandContext(ctx, p.path)
	c.Env, c.Dir = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, "/"
	c.Stdin, c.Stderr = strings.NewReader(input), complaints
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.WaitDelay = time.Second // for those who hold the pipes open and are out of reach
	return c
}

// tell writes what the program complains of into the log, once a minute.
func (p *Program) tell(complaint string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if complaint == "" || time.Since(p.said) < time.Minute {
		return
	}
	p.said = time.Now()
	p.log.Warn("the program that checks logins complains", "program", p.path, "text", complaint)
}

// head keeps the first bytes that are written.
type head struct{ text string }

func (h *head) Write(b []byte) (int, error) {
	h.text += string(b[:min(len(b), 500-len(h.text))])
	return len(b), nil
}
