// Package testbed starts real servers for tests (brokers, mail servers, a balancer, databases, stores), and a TCP proxy that
// breaks connections on demand. Every server listens on free ports of loopback only, keeps its files in a temporary directory,
// and ends with the test; when the test process itself dies, even by SIGKILL, a shell that has waited for this kills it. A program
// that is not installed fails the test with the command that installs it; nothing is skipped.
//
// Goroutines: one per started process, which waits for its end; two per connection through a Proxy.
package testbed

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// patience is how long a server may take to be ready, or to deliver a mail, on a machine that does much else.
const patience = 5 * time.Minute

// install is what a failing test tells its reader.
const install = "run as root: .ci/install (or: apt-get install -y --no-install-recommends %s)"

// need returns the first of paths that is there, else an error that says how to get it.
func need(debianPackage string, paths ...string) (string, error) {
	for _, p := range paths {
		if found, err := exec.LookPath(p); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("%s is not installed; "+install, paths[0], debianPackage)
}

// Tool is the path of a client: one of Postfix's test tools (smtp-source, smtp-sink), swaks or msmtp. The test fails when it is
// missing.
func Tool(t testing.TB, name string) string {
	t.Helper()
	debianPackage := "postfix"
	if name == "swaks" || name == "msmtp" {
		debianPackage = name
	}
	path, err := need(debianPackage, name, "/usr/sbin/"+name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// process is a child that does not outlive us, nor do its own children.
type process struct {
	cmd   *exec.Cmd
	guard *guard
	ended chan struct{}
}

// spawn starts cmd in a session of its own, and so in a process group, output to the file log. (Postfix would make one
// otherwise, which no signal of ours would reach.)
func spawn(cmd *exec.Cmd, log string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(p.ended)
	}()
	if p.guard, err = guardGroup(cmd.Process.Pid); err != nil {
		p.signal(syscall.SIGKILL, time.Second)
		return nil, err
	}
	return p, nil
}

// signal sends sig to the whole group and waits up to limit for the process to end; then it is killed.
func (p *process) signal(sig syscall.Signal, limit time.Duration) {
	if p == nil {
		return
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, sig)
	select {
	case <-p.ended:
	case <-time.After(limit):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.ended
	p.guard.release()
}

// guard is a shell that kills a process group when we are gone. The kernel could do it (PR_SET_PDEATHSIG), but forgets about a server
// that has changed its user, and knows nothing of its children.
type guard struct {
	shell *exec.Cmd
	over  *os.File // a pipe: a line means that nothing is left to be killed; its end, that we are gone
}

func guardGroup(id int) (*guard, error) {
	input, over, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = input.Close() }()
	shell := exec.Command("/bin/sh", "-c", `read over || kill -KILL "-$1"`, "guard", strconv.Itoa(id))
	shell.Stdin, shell.SysProcAttr = input, &syscall.SysProcAttr{Setsid: true}
	if err := shell.Start(); err != nil {
		_ = over.Close()
		return nil, err
	}
	return &guard{shell, over}, nil
}

// release ends the guard. It may be called again.
func (g *guard) release() {
	if g == nil {
		return
	}
	if _, err := fmt.Fprintln(g.over); err == nil {
		_ = g.over.Close()
		_ = g.shell.Wait()
	}
}

// FreePort is a port of loopback that nothing listens on, and that no test of this machine is given again while this process lives: it
// stays free until it is used, and while a server is restarted. It lies below those that the system gives to outgoing connections.
func FreePort(t testing.TB) int {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func freePort() (int, error) {
	const first, last, tries = 10_000, 32_000, 1000
	var err error
	for range tries {
		port := first + rand.IntN(last-first)
		if err = reserve(port); err != nil {
			continue
		}
		var l net.Listener
		if l, err = net.Listen("tcp", loopback(port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, err
}

// reserve takes a name that stands for the port and has no file: the kernel gives it back when this process has ended, in whatever way.
func reserve(port int) error {
	socket, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := syscall.Bind(socket, &syscall.SockaddrUnix{Name: fmt.Sprint("@posthoorn-testbed-port-", port)}); err != nil {
		_ = syscall.Close(socket)
		return err
	}
	return nil
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// await asks ready until it says nil, the process has ended, or patience is over; then it returns ready's last error.
func await(p *process, ready func() error) error {
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended: %w", p.cmd.Path, err)
		case <-deadline:
			return fmt.Errorf("%s is not ready after %v: %w", p.cmd.Path, patience, err)
		case <-tick.C:
		}
	}
}
