package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a contestant or the sink.
type process struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
	err   error // why it ended; read after ended
}

// spawn starts a program whose output goes to a file in dir. It does not outlive us.
func spawn(dir, path string, args ...string) (*process, error) {
	out, err := os.CreateTemp(dir, filepath.Base(path)+"-*.log")
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, log: out.Name(), ended: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// stop asks the process to end, then makes it.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.ended
}

// alive is nil while it runs; else why not.
func (p *process) alive() error {
	select {
	case <-p.ended:
		text, _ := os.ReadFile(p.log)
		return fmt.Errorf("%s ended: %w\n%s", p.cmd.Path, errors.Join(p.err), text[max(0, len(text)-2000):])
	default:
		return nil
	}
}

// engine looks for the line in which Posthoorn and the bare program say at their start what they sign with.
func (p *process) engine() string {
	text, _ := os.ReadFile(p.log)
	_, rest, _ := strings.Cut(string(text), "signing with=")
	name, _, _ := strings.Cut(rest, "\n")
	if plain, err := strconv.Unquote(name); err == nil {
		return plain
	}
	return name
}

func (p *process) tree() []int { return []int{p.cmd.Process.Pid} }

// parents maps every process to its parent.
func parents() map[int]int {
	all := map[int]int{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if f := statOf(pid); f != nil {
			all[pid], _ = strconv.Atoi(f[1])
		}
	}
	return all
}

// statOf is /proc/PID/stat from the state on: what stands before may hold anything.
func statOf(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	if f := strings.Fields(rest); len(f) > 15 {
		return f
	}
	return nil
}

// children of this process.
func children() (pids []int) {
	for pid, parent := range parents() {
		if parent == os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

func newChildren(before []int) (pids []int) {
	for _, pid := range children() {
		if !slices.Contains(before, pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// withDescendants adds all that descends from roots.
func withDescendants(roots []int) []int {
	all, of := slices.Clone(roots), parents()
	for grown := true; grown; {
		grown = false
		for pid, parent := range of {
			if slices.Contains(all, parent) && !slices.Contains(all, pid) {
				all, grown = append(all, pid), true
			}
		}
	}
	return all
}

// cpu is the time that processes and their descendants have used, those included that have ended and were waited for.
func cpu(roots []int) (total time.Duration) {
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux
	for _, pid := range withDescendants(roots) {
		f := statOf(pid)
		if f == nil {
			continue
		}
		for _, field := range f[11:15] { // utime, stime, cutime, cstime
			n, _ := strconv.ParseInt(field, 10, 64)
			total += time.Duration(n) * tick
		}
	}
	return total
}

// held is what processes and their descendants hold in memory, in bytes; of what several share, each has its part.
func held(roots []int) (total int64) {
	for _, pid := range withDescendants(roots) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(text), "\nPss:")
		if f := strings.Fields(rest); len(f) > 0 {
			kib, _ := strconv.ParseInt(f[0], 10, 64)
			total += kib << 10
		}
	}
	return total
}

// mostResident is the most memory that a process has had, in bytes, what it shares included; resident is what it has now.
func mostResident(pid int) int64 { return fromStatus(pid, "VmHWM") }
func resident(pid int) int64     { return fromStatus(pid, "VmRSS") }

// fromStatus reads a number of bytes in /proc/PID/status.
func fromStatus(pid int, name string) int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, _ := strings.Cut(string(text), "\n"+name+":")
	if f := strings.Fields(rest); len(f) > 0 {
		kib, _ := strconv.ParseInt(f[0], 10, 64)
		return kib << 10
	}
	return 0
}

// peak watches memory until its function is called, which returns the most it saw.
func peak(roots []int) func() int64 {
	var watch sync.WaitGroup
	end := make(chan struct{})
	most := int64(0)
	watch.Go(func() {
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for {
			most = max(most, held(roots))
			select {
			case <-end:
				return
			case <-tick.C:
			}
		}
	})
	return func() int64 {
		close(end)
		watch.Wait()
		return most
	}
}
