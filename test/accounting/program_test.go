package accounting

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"posthoorn/internal/testbed"
)

// program is posthoorn as a process, with the configuration of one run.
type program struct {
	t      *testing.T
	path   string
	config string
	log    *os.File
	cmd    *exec.Cmd
	ended  chan error
	smtp   string // address of its SMTP door
}

// connections to the sink at most.
const connections = 40

// newProgram writes the configuration: keys are added to those of every run.
func newProgram(t *testing.T, dir string, s *sink, keys map[string]string) *program {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "program.log"))
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(testbed.FreePort(t))
	p := &program{t: t, path: path, config: filepath.Join(dir, "config.txt"), log: log, smtp: "127.0.0.1:" + port}
	all := map[string]string{
		"state-directory":        filepath.Join(dir, "state"),
		"dns-servers":            s.names,
		"smtp-remote-port":       strconv.Itoa(s.port),
		"smtp-allow-local":       "true",
		"smtp-default-ips":       "127.0.0.1",
		"smtp-connections":       strconv.Itoa(connections),
		"smtp-ip":                "127.0.0.1",
		"smtp-port":              port,
		"retry-interval":         "1",
		"www-port":               "0",
		"rabbitmq-results":       "results",
		"rabbitmq-success":       "success",
		"rabbitmq-failure":       "failure",
		"local-min-free":         "1MB",
		"error-log":              filepath.Join(dir, "errors.log"),
		"send-log-directory":     dir,
		"received-log-directory": dir,
		"download-log-directory": dir,
	}
	maps.Copy(all, keys)
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&text, "%s: %s\n", key, all[key])
	}
	if err := os.WriteFile(p.config, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd != nil {
			p.kill()
		}
		_ = log.Close()
	})
	return p
}

// start returns at once; the program may be killed before it is ready.
func (p *program) start() {
	p.t.Helper()
	cmd := exec.Command(p.path, "--config-file", p.config)
	cmd.Stdout, cmd.Stderr = p.log, p.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.cmd, p.ended = cmd, make(chan error, 1)
	go func(ended chan<- error) { ended <- cmd.Wait() }(p.ended)
}

// kill ends it with SIGKILL and says between which moments it died.
func (p *program) kill() (sent, dead time.Time) {
	sent = time.Now()
	_ = p.cmd.Process.Kill()
	<-p.ended
	p.cmd = nil
	return sent, time.Now()
}

// stacks writes what every goroutine does into the log, and ends it.
func (p *program) stacks() {
	_ = p.cmd.Process.Signal(syscall.SIGQUIT)
	<-p.ended
	p.cmd = nil
}

// catches says that the program has come so far that it has a say in how SIGTERM ends it.
func (p *program) catches() bool {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	_, mask, _ := strings.Cut(string(status), "SigCgt:\t")
	mask, _, _ = strings.Cut(mask, "\n")
	caught, err := strconv.ParseUint(mask, 16, 64)
	return err != nil || caught&(1<<(syscall.SIGTERM-1)) != 0
}

// stop ends it with SIGTERM; it must say that all is well.
func (p *program) stop() {
	p.t.Helper()
	for !p.catches() {
		time.Sleep(time.Millisecond)
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-p.ended:
		p.cmd = nil
		if err != nil {
			p.t.Errorf("a clean stop ended with %v", err)
		}
	case <-time.After(patience):
		p.t.Errorf("no clean stop within %v", patience)
		p.kill()
	}
}

// alive fails the test when the program has ended by itself.
func (p *program) alive() {
	p.t.Helper()
	select {
	case err := <-p.ended:
		p.cmd = nil
		p.t.Fatalf("the program ended by itself: %v\n%s", err, p.tail())
	default:
	}
}

func (p *program) tail() string {
	b, err := os.ReadFile(p.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-4000):])
}

// command runs a command of the program beside the daemon.
func (p *program) command(input []byte, args ...string) ([]byte, error) {
	cmd := exec.Command(p.path, append(args, "--config-file", p.config)...)
	cmd.Stdin = bytes.NewReader(input)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return out.Bytes(), fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, complaint.Bytes())
	}
	return out.Bytes(), nil
}
